"""Lines of a page's text, and which of them is the caption of a picture.

Pure: no PDF library. Boxes are [left, top, right, bottom] in points from the page's top left.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.corpus.fingerprint import fold

NEAR = 60.0
"""A caption stands at most so many points above or below its picture."""
_MOST_LINES = 6
_TAB = 40.0
_WORDS = (
    "figure|figures|fig|abbildung|abb|chart|graph|diagram|diagramm|map|karte|photo|photograph"
    "|foto|image|bild|plate|exhibit|illustration|scheme|grafik|schaubild|gr[aá]fico|figura"
    "|graphique|carte|picture|screenshot"
)
_CAPTION = re.compile(rf"(?:{_WORDS})s?\.?\s*(?:n[o°º]\.?\s*)?(?:[A-Z]{{1,2}}[.\-]?)?\d", re.I)
_LETTERED = re.compile(rf"(?:{_WORDS})\.?\s+(?:[IVXL]+|[A-Z])\b\s*[.:\-\u2013\u2014]", re.I)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and where it stands."""

    text: str
    box: list[float]

    @property
    def height(self) -> float:
        """In points."""
        return self.box[3] - self.box[1]

    @property
    def upright(self) -> bool:
        """Whether it runs up the page, as the titles of axes do."""
        return len(self.text) > 3 and self.height > 2 * (self.box[2] - self.box[0])

    @property
    def sparse(self) -> bool:
        """Whether its words stand far apart, as the labels of an axis do."""
        return self.box[2] - self.box[0] > 0.7 * len(self.text) * self.height


def is_caption(text: str) -> bool:
    """Whether a text begins as captions do: Figure 3, Abb. 2.1, Chart IV: …."""
    start = text.lstrip()
    return bool(_CAPTION.match(start) or _LETTERED.match(start))


def joined_lines(runs: Sequence[Line]) -> list[Line]:
    """Runs of text that stand on one line and close together, joined, top to bottom."""
    lines: list[Line] = []
    for run in sorted(runs, key=lambda run: (round(run.box[1]), run.box[0])):
        last = next((line for line in reversed(lines[-8:]) if _continues(line, run)), None)
        if last is None:
            lines.append(run)
        else:
            lines[lines.index(last)] = _together(last, run)
    return sorted(lines, key=lambda line: (line.box[1], line.box[0]))


def caption_of(box: Sequence[float], lines: Sequence[Line]) -> str:
    """The printed caption of the picture in that box, or an empty text.

    It is the nearest line within 60 points that begins as a caption does, with the lines that
    continue it.
    """
    found = [
        (distance, index)
        for index, line in enumerate(lines)
        if is_caption(line.text) and (distance := _distance(box, _head(lines, index))) <= NEAR
    ]
    return _paragraph(lines, min(found)[1]) if found else ""


def text_inside(box: Sequence[float], lines: Sequence[Line]) -> str:
    """What stands in the box, captions left out: a row of lines a line, from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=_level):
        inside = box[0] <= (line.box[0] + line.box[2]) / 2 <= box[2]
        if not inside or not box[1] <= _level(line) <= box[3] or is_caption(line.text):
            continue
        if rows and _level(line) - _level(rows[-1][0]) < 0.5 * min(line.height, rows[-1][0].height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return "\n".join(
        fold(" ".join(line.text for line in sorted(row, key=lambda line: line.box[0])))
        for row in rows
    )


def _level(line: Line) -> float:
    return (line.box[1] + line.box[3]) / 2


def _continues(line: Line, run: Line) -> bool:
    height = max(line.height, run.height, 1.0)
    if height > 2.5 * max(min(line.height, run.height), 1.0):
        return False  # one of them runs up the page
    level = abs(_level(line) - _level(run)) < 0.4 * height
    return level and -0.5 * height <= run.box[0] - line.box[2] <= 1.5 * height


def _together(line: Line, run: Line) -> Line:
    space = "" if run.box[0] - line.box[2] < 0.12 * max(line.height, 1.0) else " "
    box = [
        min(line.box[0], run.box[0]),
        min(line.box[1], run.box[1]),
        max(line.box[2], run.box[2]),
        max(line.box[3], run.box[3]),
    ]
    return Line(f"{line.text}{space}{run.text}", box)


def _distance(box: Sequence[float], line: Sequence[float]) -> float:
    """Points between picture and line, infinite where they do not stand above each other."""
    if min(box[2], line[2]) - max(box[0], line[0]) < 0.3 * min(line[2] - line[0], box[2] - box[0]):
        return float("inf")
    return max(line[1] - box[3], box[1] - line[3], 0.0)


def _start(lines: Sequence[Line], first: int) -> list[Line]:
    """The caption's first line, with what a tab sets apart from its number."""
    start = lines[first]
    return [start, *[one for one in lines if _beside(start, one) and not is_caption(one.text)][:1]]


def _head(lines: Sequence[Line], first: int) -> list[float]:
    parts = _start(lines, first)
    return [
        min(part.box[0] for part in parts),
        min(part.box[1] for part in parts),
        max(part.box[2] for part in parts),
        max(part.box[3] for part in parts),
    ]


def _paragraph(lines: Sequence[Line], first: int) -> str:
    column = _start(lines, first)
    said = list(column)
    last = max(said, key=lambda line: line.box[3])
    for line in lines[first + 1 :]:
        if len(said) == _MOST_LINES or line.box[1] - last.box[3] > 0.9 * last.height:
            break
        if line in said or line.box[1] <= last.box[1] + 0.5 * last.height:
            continue
        if is_caption(line.text):
            break
        alike = 0.75 < line.height / max(last.height, 1.0) < 1.34
        if alike and any(_same_column(line, other) for other in column):
            said.append(line)
            last = line
    return fold(" ".join(line.text.strip(" |") for line in said))


def _beside(line: Line, other: Line) -> bool:
    """On one level, to the right, after a tab or a rule."""
    level = abs((line.box[1] + line.box[3]) - (other.box[1] + other.box[3])) < line.height
    return level and 0 <= other.box[0] - line.box[2] <= _TAB


def _same_column(line: Line, other: Line) -> bool:
    return abs(line.box[0] - other.box[0]) < 12 or _centred(line, other)


def _centred(line: Line, other: Line) -> bool:
    return abs((line.box[0] + line.box[2]) - (other.box[0] + other.box[2])) < 20
