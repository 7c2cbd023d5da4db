"""Rows and columns from text alone, in a place that is known to hold a table.

The rows of figures tell where the columns are; headings above them may span columns. Does not
know where on a page a table is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag_pipelines.documents.tables_divided import column_gaps
from rag_pipelines.documents.tables_grid import Cell, Grid, pruned
from rag_pipelines.documents.tables_headings import Headings
from rag_pipelines.documents.tables_numbers import (
    are_figures,
    is_figure,
    is_round,
    is_year,
)
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_rules import Rule
from rag_pipelines.documents.tables_segments import Segment, lines_in_segments, usual_space
from rag_pipelines.documents.tables_text import text_of

_SPACE = 0.35
"""Heights of the words that a gap between two columns is wide at least."""
_OUTSIDE = 0.15
"""Share of the rows that may write over a gap between columns."""
_EDGE = 0.2
"""Heights of a word within which it begins where its column does."""
_OVERLAPS = 0.75
"""Heights of a line within which the middles of two lie that overlap."""
_INSET = 3.0
"""Heights of a word by which a title in the middle is set in at least."""
_MIDDLE = 0.03
"""Share of the table's width by which its middle may be beside the table's."""
_BANDED = 0.8
_TIGHT = 0.8
"""Share of the distance between rows below which a line goes on with the one above."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Texts with the first and the last column that each covers."""

    texts: list[tuple[int, int, str]]
    y: float
    height: float = 0.0
    centred: bool = False
    """Whether its only text stands in the middle of the table."""

    @property
    def spans(self) -> bool:
        return any(first < last for first, last, _ in self.texts)

    @property
    def label(self) -> str:
        """The text of the first column, where it is the row's only one."""
        alone = len(self.texts) == 1 and self.texts[0][0] == 0
        return self.texts[0][2] if alone else ""


def _box(segment: Segment) -> Word:
    """A segment as one word, so that its inner gaps part nothing."""
    return Word(
        text_of(segment),
        min(word.left for word in segment),
        min(word.top for word in segment),
        max(word.right for word in segment),
        max(word.bottom for word in segment),
    )


def grid_of_lines(words: Sequence[Word], rules: Sequence[Rule] = ()) -> Grid | None:
    """The grid of words that hold rows of figures; none where there are fewer than two.

    `rules` are the lines drawn across among them, which part and underline headings.
    """
    lines = lines_in_segments(words)
    figures = _rows_of_figures(lines)
    if not figures:
        return None
    gaps = _gaps([[_box(segment) for segment in lines[number]] for number in figures])
    body = [lines[number] for number in figures]
    gaps = _without_shared(gaps, lines[figures[0] :])
    if not gaps:
        return None
    columns = _Columns(gaps, body)
    end = figures[0]
    above = [columns.row(line) for line in lines[:end]]
    while end > 1 and above[end - 1].label:
        end -= 1
    head = columns.headings(
        rules, usual_space(segment for line in lines for segment in line)
    ).cells(lines[:end])
    depth = max((cell.row + cell.rowspan for cell in head), default=0)
    below = [columns.row(line) for line in lines[end:]]
    rows = _banded(below, rules) or _unwrapped(below)
    cells = [cell for number, row in enumerate(rows, depth) for cell in _cells(row, number)]
    return pruned(Grid([*head, *cells], depth))


def _rows_of_figures(lines: Sequence[Sequence[Segment]]) -> list[int]:
    """The numbers of the lines that hold figures; years above figures are a heading."""
    found = [number for number, line in enumerate(lines) if _holds_figures(line)]
    years = [_holds_years(lines[number]) for number in found]
    start = next((at for at, told in enumerate(years) if not told), 0)
    return found[start:]


def _holds_years(line: Sequence[Segment]) -> bool:
    figures = [text for text in map(text_of, line) if are_figures(text) and not is_round(text)]
    return all(map(is_year, figures))


def _gaps(rows: Sequence[Sequence[Word]]) -> list[float]:
    """The gaps between columns; a row or two that write over one do not close it.

    Rows with the most texts tell the columns first.
    """
    strict = column_gaps(rows, _SPACE)
    kept: list[Sequence[Word]] = []
    gaps: list[float] = []
    for row in sorted(rows, key=len, reverse=True):
        wider = column_gaps([*kept, row], _SPACE)
        if not kept or len(wider) >= len(gaps):
            kept.append(row)
            gaps = wider
    return gaps if len(rows) - len(kept) <= _OUTSIDE * len(rows) else strict


def _cells(row: _Row, number: int) -> Iterator[Cell]:
    """The row's texts as cells; one ends where the next begins."""
    texts = sorted(row.texts)
    ends = [first - 1 for first, _, _ in texts[1:]] + [max(last for _, last, _ in texts)]
    for (first, last, text), end in zip(texts, ends, strict=True):
        yield Cell(number, first, text, 1, max(0, min(last, end) - first) + 1)


def _without_shared(gaps: list[float], rows: Sequence[Sequence[Segment]]) -> list[float]:
    """Without gaps between two columns of labels that no row fills both of."""
    filled = [
        {sum(gap <= segment[0].x for gap in gaps): text_of(segment) for segment in row}
        for row in rows
    ]
    shared = [
        any(column in row and column + 1 in row for row in filled)
        or any(are_figures(row.get(at, "")) for row in filled for at in (column, column + 1))
        for column in range(len(gaps))
    ]
    return [gap for gap, told in zip(gaps, shared, strict=True) if told]


def _holds_figures(line: Sequence[Segment]) -> bool:
    beside = [text_of(segment) for segment in line[1:]]
    figures = [text for text in beside if are_figures(text)]
    return len(figures) * 2 >= max(1, len(beside)) and not all(map(is_round, figures))


class _Columns:
    """Where the columns are: the gaps between them, and how far the texts of each reach."""

    def __init__(self, gaps: Sequence[float], body: Iterable[Sequence[Segment]]) -> None:
        self._gaps = gaps
        self._reach: dict[int, tuple[float, float]] = {}
        for line in body:
            for word in (word for segment in line for word in segment):
                column = self._at(word.x)
                left, right = self._reach.get(column, (word.left, word.right))
                self._reach[column] = min(left, word.left), max(right, word.right)

    def _at(self, x: float) -> int:
        return sum(gap <= x for gap in self._gaps)

    def row(self, line: Sequence[Segment]) -> _Row:
        """Each segment in the columns that it stands in."""
        texts: dict[tuple[int, int], list[Word]] = {}
        for segment in (part for whole in line for part in self._parts(whole)):
            place = self._at(segment[0].x), self._at(segment[-1].x)
            texts.setdefault(place, []).extend(segment)
        first = line[0][0]
        told = [(*place, text_of(words)) for place, words in texts.items()]
        if self._is_centred(line):
            return _Row([(0, len(self._gaps), text_of(line[0]))], first.y, first.height, True)
        return _Row(told, first.y, first.height)

    def _is_centred(self, line: Sequence[Segment]) -> bool:
        left = min(start for start, _ in self._reach.values())
        right = max(end for _, end in self._reach.values())
        first, last = line[0][0], line[0][-1]
        off = abs((first.left + last.right) / 2 - (left + right) / 2)
        inset = first.left - left > _INSET * first.height
        return len(line) == 1 and inset and off < _MIDDLE * (right - left)

    def _parts(self, segment: Segment) -> Iterator[Segment]:
        """A text that runs into the next column, where its rest begins as that column does."""
        start = 0
        for number, word in enumerate(segment):
            column = self._at(word.x)
            near = abs(word.left - self._reach.get(column, (0.0, 0.0))[0]) <= _EDGE * word.height
            rest = self._at(segment[-1].x) == column
            if number and near and rest and self._at(segment[number - 1].x) < column:
                yield segment[start:number]
                start = number
        yield segment[start:]

    def headings(self, rules: Sequence[Rule], space: float | None) -> Headings:
        """Tells which of the columns a heading stands over."""
        return Headings(self._gaps, self._reach, rules, space)


def _parted(upper: _Row, lower: _Row, rules: Sequence[Rule]) -> bool:
    return any(upper.y < rule.at < lower.y for rule in rules)


def _unwrapped(rows: Sequence[_Row]) -> list[_Row]:
    """Cells that go on in a second line, made whole."""
    pitch = median(lower.y - upper.y for upper, lower in pairwise(rows)) if rows[1:] else 0.0
    found: list[_Row] = []
    for row in rows:
        upper = found[-1] if found else None
        if (
            upper
            and not (row.centred or upper.centred)
            and (
                (upper.label and (_goes_on(row.texts[0]) or row.y - upper.y < _TIGHT * pitch))
                or _is_beside(upper, row)
                or _is_rest(row, row.y - upper.y < _TIGHT * pitch)
            )
        ):
            found[-1] = _together(upper, row)
        else:
            found.append(row)
    return found


def _is_beside(upper: _Row, lower: _Row) -> bool:
    """Whether the lines lie at heights that overlap, as of a wrapped label beside its figures."""
    return lower.y - upper.y < _OVERLAPS * min(upper.height, lower.height)


def _banded(rows: Sequence[_Row], rules: Sequence[Rule]) -> list[_Row]:
    """The rows between lines drawn across, where such lines part nearly all rows of figures."""
    figures = [row for row in rows if any(is_figure(text) for first, _, text in row.texts if first)]
    parted = sum(_parted(upper, lower, rules) for upper, lower in pairwise(figures))
    if len(figures) < 3 or parted < _BANDED * (len(figures) - 1):
        return []
    found: list[_Row] = []
    for row in rows:
        if found and not _parted(found[-1], row, rules) and not (row.spans or found[-1].spans):
            found[-1] = _together(found[-1], row)
        else:
            found.append(row)
    return found


def _is_rest(row: _Row, tight: bool) -> bool:
    """Words without a label and without figures, or a label that is no new beginning."""
    if row.label:
        return tight or _goes_on(row.texts[0])
    return row.texts[0][0] > 0 and not any(is_figure(text) for _, _, text in row.texts)


def _goes_on(text: tuple[int, int, str]) -> bool:
    return text[0] == 0 and (text[2][0].islower() or text[2][0] == "(")


def _together(upper: _Row, lower: _Row) -> _Row:
    texts: dict[int, tuple[int, int, str]] = {}
    for first, last, text in [*upper.texts, *lower.texts]:
        _, end, before = texts.get(first, (first, last, ""))
        texts[first] = first, min(end, last), f"{before} {text}".strip()
    return _Row(list(texts.values()), lower.y, lower.height)
