"""Headings above the columns of a table: which columns each stands over.

Reads from the lowest line upwards, so that the headings of single columns, which may reach further
than the figures below them, tell where those that span columns end. Does not know the rows below.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from rag_pipelines.documents.tables_grid import Cell
from rag_pipelines.documents.tables_numbers import is_year
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_rules import Rule
from rag_pipelines.documents.tables_segments import Segment
from rag_pipelines.documents.tables_stacked import Piece, Place, stacked_headings
from rag_pipelines.documents.tables_text import text_of

Reach = tuple[float, float]

_SPACED = 0.5
"""Heights of the words that a space between two headings is wide at least…"""
_WIDER = 1.3
"""… or this many times the usual space, where that is known."""
_UNDER = 9.0
"""Points from the middle of a heading's text to the line that underlines it."""
_UNIT = re.compile(
    r"[(\[].*[)\]]$|%|\d|(?:in )?"
    r"(?:per ?cent|thousand|million|billion|dollar|euro|eur\b|number|units?\b)",
    re.IGNORECASE,
)
"""How a unit reads."""
_OFF = 0.06
"""Share of the columns' width by which the middle of their unit may be beside theirs."""
_COVERED = 0.5
_TOUCHED = 0.2
"""Share of a column, or of a heading, that the two have in common; less where it has its own."""
_CENTRED = 0.5
"""Share of its distance from the middle of its columns by which a wider span must be nearer."""


class Headings:
    """Finds the columns of headings.

    `gaps` are the places between the columns, `reach` how far the text of each one reaches, and
    `rules` the lines drawn across.
    """

    def __init__(
        self,
        gaps: Sequence[float],
        reach: dict[int, Reach],
        rules: Sequence[Rule],
        space: float | None = None,
    ) -> None:
        self._gaps, self._rules = list(gaps), rules
        self._reach = dict(reach)
        self._least = _WIDER * space if space else _SPACED
        self._named: dict[int, str] = {}
        """What the headings below the line that is read say, by column."""

    def cells(self, lines: Sequence[Sequence[Segment]]) -> list[Cell]:
        """The headings of these lines as cells, from row 0."""
        unit = lines[-1:] if len(lines) > 1 and self._is_unit(lines[-1]) else []
        read = [self._over_all(line) for line in unit]
        read += [self._pieces(line) for line in reversed(lines[: len(lines) - len(unit)])]
        return stacked_headings([line for line in reversed(read) if line], self._rules)

    def _pieces(self, line: Sequence[Segment]) -> list[Piece]:
        segments = list(chain.from_iterable(map(self._parted, line)))
        places = self._places(segments)
        pieces = [
            Piece(place, text_of(segment), segment[0].y, segment[0].height)
            for place, segment in zip(places, segments, strict=True)
            if place[0] <= len(self._gaps)
        ]
        for place, segment in zip(places, segments, strict=True):
            if place[0] == place[1]:
                left, right = self._reach.get(place[0], (segment[0].left, segment[-1].right))
                wider = min(left, segment[0].left), max(right, segment[-1].right)
                self._reach[place[0]] = wider
            for column in range(place[0], place[1] + 1):
                self._named[column] = f"{text_of(segment)} {self._named.get(column, '')}"
        return pieces

    def _is_unit(self, line: Sequence[Segment]) -> bool:
        """Whether the line tells the unit of all figures: one text in the middle above them."""
        columns = sorted(self._reach)[1:]
        if len(line) != 1 or len(columns) < 2:
            return False
        wide = self._reach[columns[-1]][1] - self._reach[columns[0]][0]
        middle, near = _middle(line[0]), max(line[0][0].height, _OFF * wide)
        if abs(self._centre((columns[0], columns[-1])) - middle) > near:
            return False
        over_one = any(abs(self._centre((c, c)) - middle) <= near for c in columns)
        return not over_one or bool(_UNIT.match(text_of(line[0])))

    def _over_all(self, line: Sequence[Segment]) -> list[Piece]:
        columns = sorted(self._reach)[1:]
        word = line[0][0]
        return [Piece((columns[0], columns[-1]), text_of(line[0]), word.y, word.height)]

    def _parted(self, segment: Segment) -> Iterator[Segment]:
        """Headings that stand closely, parted above the gap between their columns."""
        start = 0
        for number, (before, word) in enumerate(pairwise(segment), 1):
            wide = word.left - before.right >= self._least * min(before.height, word.height)
            if wide and self._nearest(before) < self._nearest(word):
                yield segment[start:number]
                start = number
        yield segment[start:]

    def _nearest(self, word: Word) -> int:
        """The column whose text is nearest to the word."""
        return min(
            self._reach,
            key=lambda column: max(
                self._reach[column][0] - word.x, word.x - self._reach[column][1], 0.0
            ),
        )

    def _places(self, segments: Sequence[Segment]) -> list[Place]:
        """Places from the left, no two of them over one column."""
        if len(segments) == len(self._gaps) + 1:
            return [(column, column) for column in range(len(segments))]
        beside = segments[0][0].left > self._reach.get(0, (0.0, 0.0))[1]
        if len(segments) == len(self._gaps) and beside:
            return [(column, column) for column in range(1, len(segments) + 1)]
        if repeated := self._repeated(segments):
            return repeated
        found: list[Place] = []
        for segment in segments:
            first, last = self._below(segment)
            if found and first <= found[-1][1]:
                first = max(found[-1][1] + 1, self._at(_middle(segment)))
                last = max(first, last)
            found.append((first, last))
        return [
            self._centred(place, segment, found[:number], found[number + 1 :])
            for number, (place, segment) in enumerate(zip(found, segments, strict=True))
        ]

    def _repeated(self, segments: Sequence[Segment]) -> list[Place]:
        """A place for each segment where the same headings stand below all, or all are years."""
        before = [(0, 0)] if self._at(_middle(segments[0])) == 0 else []
        count, end = len(segments) - len(before), len(self._gaps) + 1
        for width in range(2, (end // count if count > 1 else 0) + 1):
            start = end - count * width
            places = [(at, at + width - 1) for at in range(start, end, width)]
            told = {
                tuple(self._named.get(c, "") for c in range(first, last + 1))
                for first, last in places
            }
            dated = all(is_year(text_of(segment)) for segment in segments[len(before) :])
            over = all(
                first <= self._at(_middle(segment)) <= last
                for segment, (first, last) in zip(segments[len(before) :], places, strict=True)
            )
            named = all(all(names) for names in told)
            if over and named and (len(told) == 1 or dated):
                return [*before, *places]
        return []

    def _at(self, x: float) -> int:
        return sum(gap <= x for gap in self._gaps)

    def _below(self, segment: Segment) -> Place:
        """The columns that it is underlined for, that it overlaps, or that it is nearest to."""
        left, right = segment[0].left, segment[-1].right
        if underlined := self._underlined(segment):
            return underlined
        covered = [
            column
            for column, (start, end) in self._reach.items()
            if min(right, end) - max(left, start)
            > min(right - left, end - start) * (_TOUCHED if column in self._named else _COVERED)
        ]
        if covered:
            return min(covered), max(covered)
        middle = _middle(segment)
        nearest = min(self._gaps, key=lambda gap: abs(gap - middle))
        beside, at = self._at(nearest), self._at(middle)
        start, end = self._reach.get(at, (middle, middle))
        over = max(start - middle, middle - end) < abs(nearest - middle)
        return (at, at) if over or beside == 1 else (beside - 1, beside)

    def _underlined(self, segment: Segment) -> Place | None:
        left, right = segment[0].left, segment[-1].right
        for rule in self._rules:
            near = 0 < rule.at - segment[0].y <= _UNDER
            if not near or rule.start > right or rule.end < left:
                continue
            covered = [
                column
                for column, (start, end) in self._reach.items()
                if rule.start <= (start + end) / 2 <= rule.end
            ]
            if 0 < len(covered) < len(self._reach):
                return min(covered), max(covered)
        return None

    def _centred(
        self, place: Place, segment: Segment, before: Sequence[Place], after: Sequence[Place]
    ) -> Place:
        """The wider place over columns with headings of their own that it is centred above.

        A text that is wider than its column stands over as many as it takes to hold it.
        """
        if self._underlined(segment) or not self._are_named(place):
            return place
        lowest = before[-1][1] + 1 if before else min(1, place[0])
        highest = after[0][0] - 1 if after else len(self._gaps)
        spans = [
            (first, last)
            for first in range(lowest, place[0] + 1)
            for last in range(place[1], highest + 1)
            if self._are_named((first, last))
        ]
        off = {span: abs(self._centre(span) - _middle(segment)) for span in [place, *spans]}
        near = max(off[place], segment[0].height)
        holding = [span for span in spans if self._holds(span, segment) and off[span] <= near]
        if holding and not self._holds(place, segment):
            return min(holding, key=lambda span: span[1] - span[0])
        best = min(off, key=lambda span: (round(off[span]), span[1] - span[0]))
        return best if off[best] < _CENTRED * off[place] - 1 else place

    def _are_named(self, place: Place) -> bool:
        return all(column in self._named for column in range(place[0], place[1] + 1))

    def _holds(self, place: Place, segment: Segment) -> bool:
        left, right = self._reach[place[0]][0], self._reach[place[1]][1]
        edge = segment[0].height
        return left - edge <= segment[0].left and segment[-1].right <= right + edge

    def _centre(self, place: Place) -> float:
        return (self._reach[place[0]][0] + self._reach[place[1]][1]) / 2


def _middle(segment: Segment) -> float:
    return (segment[0].left + segment[-1].right) / 2
