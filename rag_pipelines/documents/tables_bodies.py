"""Where rows of figures stand in text without lines: the bodies of tables.

A row is a label with figures beside it; rows below each other whose figures stand in the same
columns are one body, with the wrapped labels and the titles of sections between them. Does not
know the headings above a body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag_pipelines.documents.tables_captions import is_note, is_numbered
from rag_pipelines.documents.tables_numbers import are_figures, is_round, is_year
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_segments import Segment, lines_in_segments
from rag_pipelines.documents.tables_text import text_of

_FAR = 3.5
"""Heights of a line beyond which the next row of figures is another table's."""
_LOOSE = 1.4
"""Share of the usual distance between lines from which a heading begins another table."""
_MOST = 6
"""Lines between two rows of figures at most."""
_TITLE = 4
"""Words beyond which a text that runs into the figures is no title of a section."""


_SET_IN = 4.0
"""Heights of a line from which a text is not set in below the labels but centred."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of text; `figures` are those of its segments that are figures beside a label.

    Where all of them are figures and the first is no year, the label stands in another line.
    """

    segments: list[Segment]
    texts: list[str]
    figures: list[Segment]

    @property
    def words(self) -> list[Word]:
        return [word for segment in self.segments for word in segment]

    @property
    def left(self) -> float:
        return self.segments[0][0].left

    @property
    def right(self) -> float:
        return max(word.right for word in self.words)

    @property
    def top(self) -> float:
        return min(word.top for word in self.words)

    @property
    def bottom(self) -> float:
        return max(word.bottom for word in self.words)

    @property
    def y(self) -> float:
        return self.segments[0][0].y

    @property
    def height(self) -> float:
        return max(word.height for word in self.words)

    @property
    def labelled(self) -> bool:
        """Whether a label stands before the figures; the first of many may be one."""
        return len(self.figures) > 2 or (
            bool(self.figures) and self.figures[0] is not self.segments[0]
        )


def rows_of(words: Sequence[Word]) -> list[Row]:
    """The lines of the words, from the top."""
    return [_row(segments) for segments in lines_in_segments(words)]


def _row(segments: list[Segment]) -> Row:
    texts = [text_of(segment) for segment in segments]
    figures = [s for s, text in zip(segments, texts, strict=True) if are_figures(text)]
    year = len(texts) > 1 and is_year(texts[0])
    if len(figures) < len(texts) or year:
        figures = [segment for segment in figures if segment is not segments[0]]
        told = [text for text in texts if are_figures(text)]
        if len(figures) * 2 < len(texts) - 1 or all(map(is_round, told)):
            figures = []
    return Row(segments, texts, figures)


def bodies(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """The first and the last row of each body."""
    found: list[tuple[int, int]] = []
    for at, row in enumerate(rows):
        if not row.figures:
            continue
        if found and _goes_on(rows, found[-1], at):
            found[-1] = found[-1][0], at
        elif row.labelled or _beside_label(rows, at):
            found.append((at, at))
    return found


def _beside_label(rows: Sequence[Row], at: int) -> bool:
    """Whether the figures stand in the middle of a label of several lines."""
    near = [row for row in rows[max(0, at - 1) : at + 2] if not row.figures]
    start = rows[at].left
    return any(row.right < start and abs(row.y - rows[at].y) < row.height for row in near)


def _goes_on(rows: Sequence[Row], body: tuple[int, int], at: int) -> bool:
    first, last = body
    between = rows[last + 1 : at]
    near = all(
        b.y - a.y <= _FAR * max(a.height, b.height) for a, b in pairwise(rows[last : at + 1])
    )
    if len(between) > _MOST or not near:
        return False
    own = [row for row in rows[first : last + 1] if row.figures]
    apart = any(_is_loose(own, b.y - a.y) for a, b in pairwise(rows[last : at + 1]))
    if apart and not rows[at].labelled:
        return False
    return _in_columns(own, rows[at]) and not _parts(own, rows[last : at + 1])


def _in_columns(body: Sequence[Row], row: Row) -> bool:
    """Whether most figures of the row stand below some of the body."""
    above = [(s[0].left, s[-1].right) for other in body[-4:] for s in other.figures]
    below = [
        any(left < segment[-1].right and segment[0].left < right for left, right in above)
        for segment in row.figures
    ]
    return sum(below) * 2 >= min(len(below), max(len(other.figures) for other in body[-4:]))


def _parts(body: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Whether what stands between the first and the last of the rows begins another table."""
    start = figures_left([*body, rows[-1]])
    left = min(row.left for row in body)
    title = any(_is_loose(body, b.y - a.y) for a, b in pairwise(rows))
    for row in rows[1:-1]:
        text = " ".join(row.texts)
        runs_in = len(row.segments) == 1 and row.left < start < row.right
        if is_numbered(text) or (len(row.segments) == 1 and is_note(text)):
            return True
        if runs_in and len(row.segments[0]) > _TITLE:
            return True
        if title and _is_heading(row, start):
            return True
        title |= runs_in or (len(row.segments) == 1 and row.left > left + _SET_IN * row.height)
    return False


def figures_left(rows: Sequence[Row]) -> float:
    """Where the figures begin, those that stand for a label not counted."""
    beside = [[s for s in row.figures if s is not row.segments[0]] for row in rows]
    return min((figures[0][0].left for figures in beside if figures), default=rows[0].right)


def _is_loose(body: Sequence[Row], distance: float) -> bool:
    distances = [lower.y - upper.y for upper, lower in pairwise(body)]
    return distance > _LOOSE * (median(distances) if any(distances) else body[0].height)


def _is_heading(row: Row, start: float) -> bool:
    """Whether texts stand over several columns of figures."""
    over = [s for s in row.segments if s[-1].right > start]
    return len(over) > 1 and not any(text[0].isdigit() for text in row.texts)
