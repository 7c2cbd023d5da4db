"""Tables of words without lines, below the caption that numbers them.

Text in columns is a table where a caption says so; without lines nothing else tells it from text
that is set in columns. Does not know tables of figures.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rag_pipelines.documents.tables_bodies import Row, rows_of
from rag_pipelines.documents.tables_captions import is_numbered
from rag_pipelines.documents.tables_divided import column_gaps
from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_page import Box, PageContent
from rag_pipelines.documents.tables_worded import grid_below_caption

_FAR = 3.5
"""Heights of a line beyond which what follows is no longer the table."""
_WRAPPED = 3
"""Lines of a caption at most."""
_GAP = 0.8
_FEW = 3
"""Lines of which the next one may still close a gap."""
_LOOSE = 1.25
"""Share of the least distance between lines from which a note is set apart."""


def captioned_tables(page: PageContent) -> list[tuple[Box, Grid]]:
    """Boxes and grids of text in columns below a numbered caption."""
    found: list[tuple[Box, Grid]] = []
    for rows in _below_captions(rows_of([word for word in page.words if word.upright])):
        grid = grid_below_caption([row.words for row in rows])
        if grid:
            left, right = min(row.left for row in rows), max(row.right for row in rows)
            found.append(((left, rows[0].top, right, max(row.bottom for row in rows)), grid))
    return found


def _below_captions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The lines that follow each caption, as far as they keep to columns."""
    for at, row in enumerate(rows):
        if not is_numbered(row.texts[0]):
            continue
        start = at + 1
        while start < len(rows) and start <= at + _WRAPPED and len(rows[start].segments) == 1:
            start += 1
        if table := _in_columns(rows[start:]):
            yield table


def _in_columns(rows: Sequence[Row]) -> list[Row]:
    if not rows or len(rows[0].segments) < 2:
        return []
    found = [rows[0]]
    for before, row in pairwise(rows):
        far = row.y - before.y > _FAR * max(before.height, row.height)
        if far or is_numbered(row.texts[0]) or not _keeps(found, row):
            break
        found.append(row)
    return found[: _end(found)]


def _end(rows: Sequence[Row]) -> int:
    """Where the rows end without a note below them, which begins at the left after a space."""
    end = len(rows)
    least = min((b.y - a.y for a, b in pairwise(rows)), default=0.0)
    while end > 2 and len(rows[end - 1].segments) == 1:
        note = rows[end - 1].left < rows[0].segments[-1][0].left
        if not note or rows[end - 1].y - rows[end - 2].y <= _LOOSE * least:
            break
        end -= 1
    return end


def _keeps(rows: Sequence[Row], row: Row) -> bool:
    """Whether the line writes over no gap between the columns above it."""
    several = [other.words for other in (*rows, row) if len(other.segments) > 1]
    before = column_gaps([other.words for other in rows if len(other.segments) > 1], _GAP)
    if len(row.segments) > 1:
        return len(column_gaps(several, _GAP)) >= max(1, len(before) - (len(rows) < _FEW))
    return not any(row.left < gap < row.right for gap in before)
