"""Rows and columns from text alone, in a place that is known to hold a table.

The rows of figures tell where the columns are; headings above them may span columns. Does not
know where on a page a table is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import median

from rag_pipelines.documents.tables_divided import column_gaps
from rag_pipelines.documents.tables_grid import Cell, Grid, pruned
from rag_pipelines.documents.tables_numbers import (
    are_two_figures,
    is_figure,
    may_be_one_figure,
)
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_rules import Rule
from rag_pipelines.documents.tables_text import lines_of, text_of

_GAP = 0.8
"""A gap between two cells is at least this share of the words' height."""
_SPACE = 0.35
"""… and between two figures, which are no sentence, at least this one."""
_SPACED = 0.5
"""… or this one, where a space might part thousands."""
_CURRENCIES = frozenset("$€£¥")
_UNDER = 9.0
"""Points from the middle of a heading's text to the line that underlines it."""

_OVERLAPS = 0.75
"""Heights of a line within which the middles of two lie that overlap."""
_BANDED = 0.8
_TIGHT = 0.8
"""Share of the distance between rows below which a line goes on with the one above."""

Segment = list[Word]


@dataclass(frozen=True, slots=True)
class _Row:
    """Texts with the first and the last column that each covers."""

    texts: list[tuple[int, int, str]]
    y: float
    height: float = 0.0

    @property
    def spans(self) -> bool:
        return any(first < last for first, last, _ in self.texts)

    @property
    def label(self) -> str:
        """The text of the first column, where it is the row's only one."""
        alone = len(self.texts) == 1 and self.texts[0][0] == 0
        return self.texts[0][2] if alone else ""


def segments_of(line: Sequence[Word]) -> list[Segment]:
    """A line's words, parted where a gap is wider than a space, or between two figures.

    A sign of a currency stays with the figure that it is set apart from.
    """
    found: list[Segment] = [[line[0]]]
    for before, word in pairwise(line):
        if _apart(before, word):
            found.append([])
        found[-1].append(word)
    return found


def _apart(before: Word, word: Word) -> bool:
    gap = (word.left - before.right) / min(before.height, word.height)
    if before.text in _CURRENCIES and is_figure(word.text):
        return False
    least = _SPACED if may_be_one_figure(before.text, word.text) else _SPACE
    return gap >= _GAP or (gap >= least and are_two_figures(before.text, word.text))


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
    lines = [segments_of(line) for line in lines_of(words)]
    figures = [number for number, line in enumerate(lines) if _holds_figures(line)]
    if len(figures) < 2:
        return None
    boxes = [[_box(segment) for segment in lines[number]] for number in figures]
    gaps = column_gaps(boxes, _SPACE)
    if len(boxes) > 3 and len(fewer := column_gaps(boxes[1:], _SPACE)) > len(gaps):
        figures, gaps = figures[1:], fewer  # the first is a heading of years or the like
    body = [lines[number] for number in figures]
    if not gaps:
        return None
    columns = _Columns(gaps, body)
    above = [columns.heading(line, rules) for line in lines[: figures[0]]]
    end = len(above)
    while end > 1 and above[end - 1].label:
        end -= 1
    head = _stacked(above[:end], rules)
    below = [columns.row(line) for line in lines[end:]]
    rows = _banded(below, rules) or _unwrapped(below)
    cells = [
        Cell(number, first, text, 1, last - first + 1)
        for number, row in enumerate([*head, *rows])
        for first, last, text in row.texts
    ]
    return pruned(Grid(cells, len(head)))


def _holds_figures(line: Sequence[Segment]) -> bool:
    beside = [text_of(segment) for segment in line[1:]]
    return bool(beside) and sum(map(is_figure, beside)) * 2 >= len(beside)


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
        for segment in line:
            place = self._at(segment[0].x), self._at(segment[-1].x)
            texts.setdefault(place, []).extend(segment)
        first = line[0][0]
        return _Row([(*p, text_of(words)) for p, words in texts.items()], first.y, first.height)

    def heading(self, line: Sequence[Segment], rules: Sequence[Rule]) -> _Row:
        """Each segment over the columns that it is underlined for, or is centred above."""
        texts: list[tuple[int, int, str]] = []
        for segment in chain.from_iterable(map(self._parted, line)):
            first, last = self._below(segment, rules)
            if texts and first <= texts[-1][1]:
                first = last = max(texts[-1][1] + 1, self._at(_middle(segment)))
            texts.append((first, max(first, last), text_of(segment)))
        return _Row([text for text in texts if text[0] <= len(self._gaps)], line[0][0].y)

    def _parted(self, segment: Segment) -> Iterator[Segment]:
        """Headings that stand closely, parted above the gap between their columns."""
        start = 0
        for number, (before, word) in enumerate(pairwise(segment), 1):
            wide = word.left - before.right >= _SPACED * min(before.height, word.height)
            if wide and any(before.right < gap < word.left for gap in self._gaps):
                yield segment[start:number]
                start = number
        yield segment[start:]

    def _below(self, segment: Segment, rules: Sequence[Rule]) -> tuple[int, int]:
        left, right = segment[0].left, segment[-1].right
        under = [r for r in rules if 0 < r.at - segment[0].y <= _UNDER and r.start <= right]
        for rule in (rule for rule in under if rule.end >= left):
            covered = [
                column
                for column, (start, end) in self._reach.items()
                if rule.start <= (start + end) / 2 <= rule.end
            ]
            if 0 < len(covered) < len(self._reach):
                return min(covered), max(covered)
        middle = _middle(segment)
        covered = [
            column
            for column, (start, end) in self._reach.items()
            if min(right, end) - max(left, start) > min(right - left, end - start) / 2
        ]
        if covered:
            return min(covered), max(covered)
        nearest = min(self._gaps, key=lambda gap: abs(gap - middle))
        beside, at = self._at(nearest), self._at(middle)
        start, end = self._reach.get(at, (middle, middle))
        over = max(start - middle, middle - end) < abs(nearest - middle)
        return (at, at) if over or beside == 1 else (beside - 1, beside)


def _middle(segment: Segment) -> float:
    return (segment[0].left + segment[-1].right) / 2


def _stacked(rows: Sequence[_Row], rules: Sequence[Rule]) -> list[_Row]:
    """Headings of several lines, each column's put together unless a line parts them."""
    found: list[_Row] = []
    for row in rows:
        if not found or found[-1].spans or row.spans or _parted(found[-1], row, rules):
            found.append(row)
            continue
        texts: dict[tuple[int, int], list[str]] = {}
        for first, last, text in [*found[-1].texts, *row.texts]:
            texts.setdefault((first, last), []).append(text)
        found[-1] = _Row([(*place, " ".join(t)) for place, t in texts.items()], row.y)
    return found


def _parted(upper: _Row, lower: _Row, rules: Sequence[Rule]) -> bool:
    return any(upper.y < rule.at < lower.y for rule in rules)


def _unwrapped(rows: Sequence[_Row]) -> list[_Row]:
    """Cells that go on in a second line, made whole."""
    pitch = median(lower.y - upper.y for upper, lower in pairwise(rows)) if rows[1:] else 0.0
    found: list[_Row] = []
    for row in rows:
        upper = found[-1] if found else None
        if upper and (
            (upper.label and _goes_on(row.texts[0]))
            or _is_beside(upper, row)
            or _is_rest(row, row.y - upper.y < _TIGHT * pitch)
        ):
            found[-1] = _together(upper, row)
        else:
            found.append(row)
    return found


def _is_beside(upper: _Row, lower: _Row) -> bool:
    """Whether a wrapped label and the figures in its middle lie at heights that overlap."""
    near = lower.y - upper.y < _OVERLAPS * min(upper.height, lower.height)
    return near and (bool(upper.label) != bool(lower.label))


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
