"""Lines of headings as rows of cells: what goes on in the next line is one heading.

Knows which columns each line of a heading stands over. Does not find them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag_pipelines.documents.tables_grid import Cell
from rag_pipelines.documents.tables_rules import Rule

Place = tuple[int, int]
"""The first and the last column of a heading."""

_TIGHT = 1.6
"""Heights of a line within which a heading goes on in the next one."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A line of a heading: where it stands, and what it says."""

    place: Place
    text: str
    y: float
    height: float


def stacked_headings(lines: Sequence[Sequence[Piece]], rules: Sequence[Rule]) -> list[Cell]:
    """Lines as rows: a row ends below a heading that spans columns, and at a line drawn across.

    What goes on in the next line is one heading, also over the end of a row beside it.
    """
    level, levels = 0, [0]
    for upper, lower in pairwise(lines):
        level += _ends(upper, lower, rules)
        levels.append(level)
    open_: dict[Place, tuple[int, Piece]] = {}
    cells: list[Cell] = []
    for number, line in enumerate(lines):
        following: dict[Place, tuple[int, Piece]] = {}
        for piece in line:
            at, last = open_.get(piece.place, (-1, piece))
            same = at >= 0 and levels[number] == cells[at].row + cells[at].rowspan - 1
            if at >= 0 and (same or _goes_on(last, piece, rules)):
                span = levels[number] - cells[at].row + 1
                text = f"{cells[at].text} {piece.text}"
                cells[at] = replace(cells[at], text=text, rowspan=span)
            else:
                first, end = piece.place
                cells.append(Cell(levels[number], first, piece.text, 1, end - first + 1))
                at = len(cells) - 1
            following[piece.place] = at, piece
        level = levels[number]
        kept = {p: v for p, v in open_.items() if cells[v[0]].row + cells[v[0]].rowspan > level}
        open_ = {**kept, **following}
    return cells


def _ends(upper: Sequence[Piece], lower: Sequence[Piece], rules: Sequence[Rule]) -> bool:
    """Whether a row ends between two lines."""
    wide = [piece.place for piece in upper if piece.place[0] < piece.place[1]]
    goes_on = {piece.place for piece in lower}
    spans = any(place not in goes_on for place in wide)
    begins = any(p.place[0] < p.place[1] and p.place not in {q.place for q in upper} for p in lower)
    return spans or begins or any(upper[0].y < rule.at < lower[0].y for rule in rules)


def _goes_on(upper: Piece, lower: Piece, rules: Sequence[Rule]) -> bool:
    near = lower.y - upper.y <= _TIGHT * max(upper.height, lower.height)
    alone = upper.place[0] == upper.place[1]
    return near and alone and not any(upper.y < rule.at < lower.y for rule in rules)
