"""A line of text as it stands on a page, however it was read.

Coordinates are points from the top left corner of the page as it is shown.
"""

from dataclasses import dataclass, replace

Box = list[float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line without a wide gap in it."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line: `size` is the height of its letters, from the deepest to the tallest of the font.

    `weight` is the font's, 400 as a rule and 700 in bold; 0 where nothing is known of it. `runs`
    are more than one where wide gaps divide it, as in a table's row. `broken` says that its last
    word goes on in the next line.
    """

    runs: list[Run]
    top: float
    bottom: float
    size: float
    weight: int = 0
    broken: bool = False
    upright: bool = True

    @property
    def text(self) -> str:
        """What it says."""
        return " ".join(run.text for run in self.runs)

    @property
    def left(self) -> float:
        """Where it begins."""
        return min(run.left for run in self.runs)

    @property
    def right(self) -> float:
        """Where it ends."""
        return max(run.right for run in self.runs)

    @property
    def box(self) -> Box:
        """Where it stands."""
        return [self.left, self.top, self.right, self.bottom]

    def of_runs(self, runs: list[Run], broken: bool) -> "Line":
        """The part of it that has these runs."""
        return replace(self, runs=runs, broken=broken)


def around(boxes: list[Box]) -> Box:
    """The smallest box that holds them all; raises `ValueError` where there is none."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return [min(lefts), min(tops), max(rights), max(bottoms)]
