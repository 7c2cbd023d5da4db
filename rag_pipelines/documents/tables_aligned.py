"""Tables without lines: rows of figures below each other, and the headings above them.

Paragraphs are left out first, and what stands beside each other is parted. Does not know how the
columns of a table are told.
"""

from collections.abc import Sequence
from statistics import median

from rag_pipelines.documents.tables_above import heading_start
from rag_pipelines.documents.tables_bodies import Row, bodies, rows_of
from rag_pipelines.documents.tables_captions import is_numbered
from rag_pipelines.documents.tables_divided import inside
from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_lines import grid_of_lines
from rag_pipelines.documents.tables_numbers import is_year
from rag_pipelines.documents.tables_page import Box, PageContent, Word
from rag_pipelines.documents.tables_prose import without_prose
from rag_pipelines.documents.tables_sides import sides_of
from rag_pipelines.documents.tables_text import text_of

_FEWEST = 3
_EVEN = 0.7
"""Share of a column's figures that end, begin or are centred at one place."""
_NEAR = 0.6
"""Heights of a word within which two places are one."""


def aligned_tables(page: PageContent) -> list[tuple[Box, Grid]]:
    """Boxes and grids of rows of figures, headings included."""
    found: list[tuple[Box, Grid]] = []
    for words in sides_of(without_prose(page.words)):
        rows = rows_of(words)
        end = 0
        for first, last in bodies(rows):
            start = heading_start(rows, end, first, last)
            numbered = any(is_numbered(row.texts[0]) for row in rows[max(0, start - 3) : start])
            if table := _read(rows[start : last + 1], first - start, numbered, words, page):
                found.append(table)
                end = last + 1
    return found


def _read(
    rows: Sequence[Row], heading: int, numbered: bool, words: Sequence[Word], page: PageContent
) -> tuple[Box, Grid] | None:
    body = [row for row in rows[heading:] if row.figures]
    if not _is_body(body, heading > 0 or is_year(body[0].texts[-1]), numbered):
        return None
    left, right = min(row.left for row in rows), max(row.right for row in rows)
    box = (left - 1, rows[0].top - 0.5, right + 1, max(row.bottom for row in rows) + 0.5)
    rules = [rule for rule in page.rules.across if box[1] <= rule.at <= box[3]]
    grid = grid_of_lines(inside(words, box), rules)
    return (box, grid) if grid else None


def _is_body(rows: Sequence[Row], headed: bool, numbered: bool) -> bool:
    """Whether there are enough rows, and their figures stand below each other."""
    if len(rows) < _FEWEST and all(is_year(text_of(s)) for row in rows for s in row.figures):
        return False
    several = max(len(row.figures) for row in rows) > 1
    if len(rows) < _FEWEST - headed - (headed and numbered and several):
        return False
    if several:
        return True
    if len(rows) < (_FEWEST if headed else _FEWEST + 1):
        return False
    figures = [row.figures[-1] for row in rows]
    near = _NEAR * median(segment[0].height for segment in figures)
    places = (
        [segment[-1].right for segment in figures],
        [segment[0].left for segment in figures],
        [(segment[0].left + segment[-1].right) / 2 for segment in figures],
    )
    return any(
        sum(abs(at - median(ats)) <= near for at in ats) >= _EVEN * len(ats) for ats in places
    )
