"""What speaks against a table: prose in columns, lists, charts and boxes are set like tables too.

Lines that enclose cells are strong evidence, text that is merely aligned is weak: without lines
there must be columns of figures, or a caption that calls it a table.
"""

from itertools import pairwise

from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_numbers import is_figure

_SHORT = 5
"""Words in a cell that is no sentence."""
_FILLED = 0.4
_PROSE = 0.5
_CUT = 0.1


def is_aligned_table(grid: Grid, numbered: bool) -> bool:
    """Whether text that is only aligned is a table; `numbered` where a caption says so.

    At least three rows and two columns, most places filled, cells that are not sentences, and
    figures beside the first column.
    """
    rows = grid.rows()
    if grid.width < 2 or grid.height < 3 or len(grid.filled) < _FILLED * grid.width * grid.height:
        return False
    beside = [text for row in rows for text in row[1:] if text]
    long = sum(len(text.split()) > _SHORT for text in beside)
    if not beside or long > _PROSE * len(beside):
        return False
    return numbered or any(_mostly_figures([row[c] for row in rows]) for c in range(1, grid.width))


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
