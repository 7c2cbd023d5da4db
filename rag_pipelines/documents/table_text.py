"""A table as text that can be found and quoted: a row a line, each value with its column's name.

Every row reads by itself, so that an answer may quote it alone. Knows a table's grid; does not
know tokens or chunks.
"""

from collections.abc import Iterator, Sequence

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.packing import Line
from rag_pipelines.documents.tables_grid import grid_of_rows, html_of
from rag_pipelines.records import DocumentTable


def lines_of(table: DocumentTable) -> list[Line]:
    """Caption, summary and rows; a line's `row` is that of the grid."""
    about = [Line((fold(text),)) for text in (table.caption, table.summary) if text.strip()]
    return [*about, *_rows(table)]


def html_of_rows(table: DocumentTable, rows: Sequence[int]) -> str:
    """The table, or those of its rows under its headers where it was cut."""
    body = range(table.headers, len(table.rows))
    if not rows or set(body) <= set(rows):
        return table.html
    kept = [*table.rows[: table.headers], *(table.rows[row] for row in sorted(set(rows)))]
    return html_of(grid_of_rows(kept, table.headers), table.caption)


def _rows(table: DocumentTable) -> Iterator[Line]:
    names = _names(table.rows[: table.headers], max(map(len, table.rows), default=0))
    for number, row in enumerate(table.rows[table.headers :], table.headers):
        cells = [fold(cell) for cell in row]
        if len(set(cells)) == 1:  # a heading over the rows that follow, or a table of one column
            cells = cells[:1]
        said = tuple(_cell(names[at], cell) for at, cell in enumerate(cells) if cell)
        if said:
            yield Line(said, number)
    if table.headers and len(table.rows) == table.headers:
        yield from (Line(tuple(filter(None, map(fold, row))), 0) for row in table.rows if any(row))


def _names(headers: Sequence[Sequence[str]], width: int) -> list[str]:
    """Name of each column: what stands in its header rows, from the top, each text once."""
    columns = ([fold(row[at]) for row in headers if at < len(row)] for at in range(width))
    return [" ".join(dict.fromkeys(filter(None, column))) for column in columns]


def _cell(name: str, cell: str) -> str:
    return f"{name}: {cell}" if name and name != cell else cell
