"""What speaks against a table: prose in columns, lists, charts and boxes are set like tables too.

Lines that enclose cells are strong evidence, text that is merely aligned is weak: without lines
there must be columns of figures, or a caption that calls it a table.
"""

import re
from itertools import pairwise

from rag_pipelines.documents.tables_captions import is_numbered
from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_numbers import are_figures, is_figure, number_of

_SHORT = 5
"""Words in a cell that is no sentence."""
_FILLED = 0.4
_PROSE = 0.5
_CUT = 0.1
_PAGE = re.compile(r"\d{1,4}")
_PAGES = re.compile(r"(?:page|seite|p\.|p[aá]g)", re.IGNORECASE)
_FEWEST_PAGES = 4
_SECTION = re.compile(
    r"(?:Part |Chapter |Annex |Appendix )?(?:[IVXLC]+|[A-Z]|\d{1,2})[.\d]*\s+\D{2}"
)
_SUBSECTION = re.compile(r"(?:[A-Z]|\d{1,2})\.\d{1,2}\b")


def is_aligned_table(grid: Grid, numbered: bool) -> bool:
    """Whether text that is only aligned is a table; `numbered` where a caption says so.

    At least three rows and two columns, most places filled, cells that are not sentences, and
    figures beside the first column that are not the pages of sections.
    """
    rows = grid.rows()
    fewest = 2 if numbered else 3
    if grid.width < 2 or grid.height < fewest:
        return False
    if len(grid.filled) < _FILLED * grid.width * grid.height or _lists_tables(rows):
        return False
    beside = [text for row in rows for text in row[1:] if text]
    long = sum(len(text.split()) > _SHORT for text in beside)
    if not beside or long > _PROSE * len(beside):
        return False
    if numbered:
        return True
    figures = any(_mostly_figures([row[c] for row in rows]) for c in range(1, grid.width))
    return figures and not _is_contents(rows) and not _is_axis(rows)


def _lists_tables(rows: list[list[str]]) -> bool:
    """Whether most rows begin as captions do."""
    return 2 * sum(is_numbered(row[0]) for row in rows) > len(rows)


def _is_contents(rows: list[list[str]]) -> bool:
    """Whether the rows are a contents page: titles, and pages that never go back.

    Below a heading that does not call them pages, and beside other columns, the titles must be
    numbered as sections are.
    """
    pages = [row[-1] for row in rows if row[-1]]
    named = bool(pages) and bool(_PAGES.match(pages[0]))
    pages = pages[named:]
    whole = [int(page) for page in pages if _PAGE.fullmatch(page)]
    if len(whole) < max(_FEWEST_PAGES, len(pages)) or whole != sorted(whole):
        return False
    if len(rows[0]) == 2 and len(pages) >= _FEWEST_PAGES and whole[-1] > whole[0]:
        return True
    labels = [" ".join(filter(None, row[:-1])) for row in rows]
    sections = sum(bool(_SECTION.match(label)) for label in labels)
    return 2 * sections >= len(rows) and any(map(_SUBSECTION.match, labels))


def _is_axis(rows: list[list[str]]) -> bool:
    """Whether the only figures are those of a chart's axis, which are equally far apart."""
    columns = [[row[c] for row in rows] for c in range(1, len(rows[0]))]
    told = [column for column in columns if _mostly_figures(column)]
    values = [number_of(text) for column in told for text in column if is_figure(text)]
    known = [value for value in values if value is not None]
    if len(told) != 1 or len(known) < _FEWEST_PAGES:
        return False
    steps = [lower - upper for upper, lower in pairwise(known)]
    return all(abs(step - steps[0]) < 0.01 * abs(steps[0]) for step in steps)


def is_ruled_table(grid: Grid) -> bool:
    """Whether a frame of lines is a table: one with text on both sides of a line, not a chart.

    In a chart the edges of bars and axes pass through figures, which leaves their pieces in
    neighbouring cells.
    """
    if grid.width < 2 or grid.height < 2 or len(grid.filled) < 3:
        return False
    pairs = [pair for row in grid.rows() for pair in pairwise(row) if all(pair)]
    cut = sum(right[0] in ".,%" and left[-1].isdigit() for left, right in pairs)
    return cut <= _CUT * len(pairs)


def _mostly_figures(column: list[str]) -> bool:
    filled = [text for text in column[1:] if text]
    return len(filled) >= 2 and sum(map(are_figures, filled)) * 2 >= len(filled)
