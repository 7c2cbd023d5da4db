"""Which rows at the top of a table name its columns, and what the columns are called."""

from collections.abc import Sequence

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_numbers import is_year, number_of

_DEEPEST = 5


def header_rows(grid: Grid) -> int:
    """How many rows are headings: none where the first one already holds figures.

    A heading that spans columns has the names of those columns below it, and one that spans rows
    reaches as far down as it spans.
    """
    rows = grid.rows()
    if len(rows) < 2 or _is_data(rows[0]):
        return 0
    count = 1
    while count < min(len(rows), _DEEPEST + 1):
        needed = max(cell.row + cell.rowspan for cell in grid.cells if cell.row < count)
        spans = [c for c in grid.cells if c.row == count - 1 and c.text and c.colspan > 1]
        if any(cell.colspan < grid.width for cell in spans) and not _is_data(rows[count]):
            needed = max(needed, count + 1)
        if needed <= count:
            return count
        count = needed
    return 1


def column_names(rows: Sequence[Sequence[str]], headers: int) -> list[str]:
    """A name for each column, its headings from the top joined; empty where there is none."""
    width = len(rows[0]) if rows else 0
    return [
        fold(" ".join(dict.fromkeys(row[column] for row in rows[:headers])))
        for column in range(width)
    ]


def _is_data(row: Sequence[str]) -> bool:
    """Half of what is beside the first column are figures, years not counted."""
    texts = [text for text in row[1:] if text]
    figures = [t for t in texts if number_of(t) is not None and not is_year(t)]
    return bool(texts) and len(figures) * 2 >= len(texts)
