"""Tables that ruling lines draw: the grid from the lines of the PDF itself, nothing rendered.

A cell is what no line divides. Does not know tables without lines.
"""

from collections import defaultdict
from collections.abc import Sequence

from rag_pipelines.documents.tables_divided import divided, inside
from rag_pipelines.documents.tables_grid import Cell, Grid, pruned
from rag_pipelines.documents.tables_page import Box, PageContent, Word
from rag_pipelines.documents.tables_rules import TOUCH, Rule, Rules, clusters, frames
from rag_pipelines.documents.tables_text import text_of

_COVERED = 0.6
"""Share of a cell's side that lines must cover to be a wall."""

Place = tuple[int, int]


def ruled_tables(page: PageContent) -> list[tuple[Box, Grid]]:
    """Boxes and grids of the frames that have two rows and two columns of text."""
    found = [table_in(frame, page.words) for frame in frames(page.rules)]
    return [table for table in found if table]


def table_in(frame: Rules, words: Sequence[Word]) -> tuple[Box, Grid] | None:
    """The frame's box and its grid; none where that has a single row or column."""
    left, top, right, bottom = frame.box
    box = (left, top, right, bottom)
    near = inside(words, box)
    grid = pruned(_grid(divided(_boxes(frame), near), near))
    return (box, grid) if grid.height >= 2 and grid.width >= 2 else None


def _boxes(frame: Rules) -> list[Box]:
    """What the lines of a frame enclose and do not divide."""
    left, top, right, bottom = frame.box
    xs = clusters([*(rule.at for rule in frame.down), left, right])
    ys = clusters([*(rule.at for rule in frame.across), top, bottom])
    rows, columns = len(ys) - 1, len(xs) - 1
    places = _Places(rows, columns)
    for row in range(rows):
        for column in range(columns):
            if column + 1 < columns and not _wall(frame.down, xs[column + 1], ys[row], ys[row + 1]):
                places.join((row, column), (row, column + 1))
            if row + 1 < rows and not _wall(frame.across, ys[row + 1], xs[column], xs[column + 1]):
                places.join((row, column), (row + 1, column))
    return [
        (xs[left], ys[top], xs[right + 1], ys[bottom + 1])
        for top, left, bottom, right in places.areas()
    ]


def _wall(rules: Sequence[Rule], at: float, start: float, end: float) -> bool:
    covered = sum(
        max(0.0, min(end, rule.end) - max(start, rule.start))
        for rule in rules
        if abs(rule.at - at) <= TOUCH
    )
    return covered >= _COVERED * (end - start)


class _Places:
    """Which places of a grid belong together; joined places are widened to rectangles."""

    def __init__(self, rows: int, columns: int) -> None:
        self._parents = {(r, c): (r, c) for r in range(rows) for c in range(columns)}

    def root(self, place: Place) -> Place:
        while self._parents[place] != place:
            self._parents[place] = self._parents[self._parents[place]]
            place = self._parents[place]
        return place

    def join(self, one: Place, other: Place) -> bool:
        """Whether they were apart before."""
        first, second = self.root(one), self.root(other)
        self._parents[first] = second
        return first != second

    def areas(self) -> list[tuple[int, int, int, int]]:
        while True:
            areas = self._bounds()
            widened = [
                self.join((row, column), (top, left))
                for top, left, bottom, right in areas
                for row in range(top, bottom + 1)
                for column in range(left, right + 1)
            ]
            if not any(widened):
                return areas

    def _bounds(self) -> list[tuple[int, int, int, int]]:
        groups: dict[Place, list[Place]] = defaultdict(list)
        for place in self._parents:
            groups[self.root(place)].append(place)
        return [
            (
                min(r for r, _ in places),
                min(c for _, c in places),
                max(r for r, _ in places),
                max(c for _, c in places),
            )
            for places in groups.values()
        ]


def _grid(boxes: Sequence[Box], words: Sequence[Word]) -> Grid:
    """Cells from their boxes: every edge of one begins a row or a column."""
    xs = sorted({x for box in boxes for x in (box[0], box[2])})
    ys = sorted({y for box in boxes for y in (box[1], box[3])})
    column, row = {x: i for i, x in enumerate(xs)}, {y: i for i, y in enumerate(ys)}
    cells: list[Cell] = []
    for box in boxes:
        left, top, right, bottom = column[box[0]], row[box[1]], column[box[2]], row[box[3]]
        text = text_of(inside(words, box))
        cells.append(Cell(top, left, text, bottom - top, right - left, box))
    return Grid(cells)
