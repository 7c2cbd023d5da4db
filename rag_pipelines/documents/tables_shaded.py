"""Tables whose cells are filled with a colour, every row of them or every other one.

The edges of what is filled stand for the lines that nobody drew. Does not know tables with lines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rag_pipelines.documents.tables_divided import inside
from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_page import Box, PageContent, Word
from rag_pipelines.documents.tables_ruled import table_in
from rag_pipelines.documents.tables_rules import TOUCH, Rule, Rules, cleaned, clusters
from rag_pipelines.documents.tables_text import lines_of

_MOST = 1000
"""Fills of a page; one with more is a map or a drawing."""
_FEWEST = 3
"""Rows that are filled; fewer may be boxes that stand beside each other."""
_APART = 1.6
"""Height of what lies between two filled rows, in heights of the highest filled cell."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Filled cells that touch: a row, or several one below the other."""

    cells: list[Box]

    @property
    def left(self) -> float:
        return min(cell[0] for cell in self.cells)

    @property
    def top(self) -> float:
        return min(cell[1] for cell in self.cells)

    @property
    def right(self) -> float:
        return max(cell[2] for cell in self.cells)

    @property
    def bottom(self) -> float:
        return max(cell[3] for cell in self.cells)


def shaded_tables(page: PageContent) -> list[tuple[Box, Grid]]:
    """Boxes and grids of the filled rows that stand above each other."""
    if len(page.fills) > _MOST:
        return []
    groups = [blocks for blocks in _groups(page.fills) if _is_table(blocks)]
    found = [table_in(_frame(blocks, page.words), page.words) for blocks in groups]
    return [table for table in found if table]


def _groups(fills: Sequence[Box]) -> list[list[_Block]]:
    """Blocks of equal ends that follow each other, from the top."""
    groups: list[list[_Block]] = []
    for block in sorted(_blocks(fills), key=lambda block: (block.top, -len(block.cells))):
        group = next((group for group in groups if _follows(group, block)), None)
        if group is None:
            groups.append([block])
        else:
            group.append(block)
    return groups


def _blocks(fills: Sequence[Box]) -> Iterator[_Block]:
    waiting = list(fills)
    while waiting:
        block = [waiting.pop()]
        for cell in block:
            block += [other for other in waiting if _touch(cell, other)]
            waiting = [other for other in waiting if not _touch(cell, other)]
        yield _Block(block)


def _touch(one: Box, other: Box) -> bool:
    """Whether they have a part of an edge in common."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return (abs(across) <= TOUCH < down) or (abs(down) <= TOUCH < across)


def _follows(group: Sequence[_Block], block: _Block) -> bool:
    above = group[-1]
    ends = abs(above.left - block.left) <= TOUCH and abs(above.right - block.right) <= TOUCH
    return ends and -TOUCH <= block.top - above.bottom <= _APART * _highest([*group, block])


def _highest(blocks: Sequence[_Block]) -> float:
    return max(cell[3] - cell[1] for block in blocks for cell in block.cells)


def _is_table(blocks: Sequence[_Block]) -> bool:
    tops = clusters(cell[1] for block in blocks for cell in block.cells)
    return len(tops) >= _FEWEST and len(_columns(blocks)) > 2


def _columns(blocks: Sequence[_Block]) -> list[float]:
    """Where filled cells end, from the left."""
    ends = clusters(cell[2] for block in blocks for cell in block.cells)
    return [blocks[0].left, *ends]


def _frame(blocks: Sequence[_Block], words: Sequence[Word]) -> Rules:
    """The edges of the filled cells as lines, those of the columns also where nothing is filled."""
    columns, boxes = _columns(blocks), [cell for block in blocks for cell in block.cells]
    gaps = [(a.bottom, b.top) for a, b in pairwise(blocks) if b.top - a.bottom > TOUCH]
    for top, bottom in [*gaps, *_last_row(blocks[-1], columns, words)]:
        boxes += [(left, top, right, bottom) for left, right in pairwise(columns)]
    across = [Rule(y, left, right) for left, top, right, bottom in boxes for y in (top, bottom)]
    down = [Rule(x, top, bottom) for left, top, right, bottom in boxes for x in (left, right)]
    return cleaned(Rules(across, down))


def _last_row(
    block: _Block, columns: Sequence[float], words: Sequence[Word]
) -> Iterator[tuple[float, float]]:
    """The row below that is not filled, where a line of text keeps to the columns there."""
    lowest = block.bottom + min(cell[3] - cell[1] for cell in block.cells)
    below = inside(words, (block.left, block.bottom, block.right, lowest))
    line = next(iter(lines_of(below)), [])
    crossed = any(word.left < x < word.right for word in line for x in columns)
    filled = sum(any(a <= word.x < b for word in line) for a, b in pairwise(columns))
    if filled > 1 and not crossed:
        yield block.bottom, max(word.bottom for word in line)
