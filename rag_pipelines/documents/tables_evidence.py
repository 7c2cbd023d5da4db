"""What speaks against a table: prose in columns, lists, charts and boxes are set like tables too.

Lines that enclose cells are strong evidence, text that is merely aligned is weak: without lines
there must be columns of figures, or a caption that calls it a table.
"""

import re
from itertools import pairwise

from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_numbers import is_figure

_SHORT = 5
"""Words in a cell that is no sentence."""
_FILLED = 0.4
_PROSE = 0.5
_CUT = 0.1
_PAGE = re.compile(r"\d{1,4}")
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
    if grid.width < 2 or grid.height < 3 or len(grid.filled) < _FILLED * grid.width * grid.height:
        return False
    beside = [text for row in rows for text in row[1:] if text]
    long = sum(len(text.split()) > _SHORT for text in beside)
    if not beside or long > _PROSE * len(beside):
        return False
    if numbered:
        return True
    figures = any(_mostly_figures([row[c] for row in rows]) for c in range(1, grid.width))
    return figures and not _is_contents(rows)


def _is_contents(rows: list[list[str]]) -> bool:
    """Whether the rows are a contents page: numbered sections, and pages that never go back."""
    pages = [row[-1] for row in rows if row[-1]]
    whole = [int(page) for page in pages if _PAGE.fullmatch(page)]
    if len(whole) < max(_FEWEST_PAGES, len(pages)) or whole != sorted(whole):
        return False
    labels = [" ".join(filter(None, row[:-1])) for row in rows]
    sections = sum(bool(_SECTION.match(label)) for label in labels)
    return 2 * sections >= len(rows) and any(map(_SUBSECTION.match, labels))


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
    return len(filled) >= 2 and sum(map(is_figure, filled)) * 2 >= len(filled)
