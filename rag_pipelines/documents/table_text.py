"""A table as text that can be found and quoted: a row a line, each value with its column's name.

Every row reads by itself, so that an answer may quote it alone. Knows a table's grid; does not
know tokens or chunks.
"""

from collections.abc import Iterator, Sequence

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.packing import Line
from rag_pipelines.documents.tables_grid import cut, html_of, stacked
from rag_pipelines.documents.tables_headers import column_names
from rag_pipelines.documents.tables_html import grid_of_html
from rag_pipelines.documents.tables_summary import summary_of
from rag_pipelines.records import DocumentTable


def lines_of(table: DocumentTable) -> list[Line]:
    """Caption, summary and rows; a line's `row` is that of the grid.

    Beside a model's summary stands the one that is made without a model.
    """
    caption, summary = fold(table.caption), fold(table.summary)
    told = ""
    if table.summariser:
        told = f"Summary by a model: {summary}"
        summary = fold(summary_of(table.rows, table.headers, table.caption))
    summary = summary.removeprefix(caption.rstrip(".")).lstrip(". ")
    return [*(Line((text,)) for text in (caption, told, summary) if text), *_rows(table)]


def html_of_rows(table: DocumentTable, rows: Sequence[int]) -> str:
    """The table, or where it was cut its headers and the rows from the first to the last given."""
    first, last = min(rows, default=0), max(rows, default=0)
    if not rows or (first <= table.headers and last == len(table.rows) - 1):
        return table.html
    grid, caption = grid_of_html(table.html)
    return html_of(stacked(cut(grid, 0, table.headers), cut(grid, first, last + 1)), caption)


def _rows(table: DocumentTable) -> Iterator[Line]:
    names = column_names(table.rows, table.headers)
    for number, row in enumerate(table.rows[table.headers :], table.headers):
        cells = [fold(cell) for cell in row]
        if len(set(cells)) == 1:  # a heading over the rows that follow, or a table of one column
            cells = cells[:1]
        said = tuple(_cell(names[at], cell) for at, cell in enumerate(cells) if cell)
        if said:
            yield Line(said, number)
    if table.headers and len(table.rows) == table.headers:
        yield from (Line(tuple(filter(None, map(fold, row))), 0) for row in table.rows if any(row))


def _cell(name: str, cell: str) -> str:
    return f"{name}: {cell}" if name and name != cell else cell
