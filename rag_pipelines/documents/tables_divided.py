"""Cells that the lines of a frame leave together although they are several, divided by their text.

Three things are looked for: columns that lines mark in some rows only, columns of figures that
no line marks, and rows of figures that no line parts. Text that wraps in its cell stays whole.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from statistics import median

from rag_pipelines.documents.tables_numbers import is_figure
from rag_pipelines.documents.tables_page import Box, Word
from rag_pipelines.documents.tables_text import lines_of, text_of

_GAP = 0.8
"""A column's gap is at least this share of the words' height."""
_MOSTLY = 0.6
"""Share of the places beside the first column that must be figures."""


def divided(boxes: Sequence[Box], words: Sequence[Word]) -> list[Box]:
    """The cells of one frame, divided where their text says so."""
    found = _at_known_columns(boxes, words)
    found = _at_gaps(found, words)
    return _at_lines(found, words)


def inside(words: Iterable[Word], box: Box) -> list[Word]:
    """The words whose middle lies in the box."""
    left, top, right, bottom = box
    return [word for word in words if left <= word.x < right and top <= word.y < bottom]


def _at_known_columns(boxes: Sequence[Box], words: Sequence[Word]) -> list[Box]:
    """Cells over several columns, cut where a column's edge passes between their texts."""
    edges = sorted({x for box in boxes for x in (box[0], box[2])})
    found: list[Box] = []
    for box in boxes:
        within = [x for x in edges if box[0] < x < box[2]]
        own = inside(words, box) if within else []
        lines = lines_of(own)
        cuts = [x for x in within if _parts(lines, x)]
        found += _cut_across(box, cuts)
    return found


def _parts(lines: Sequence[Sequence[Word]], x: float) -> bool:
    """No line of text passes over `x`, and there is text on both sides."""
    both = False
    for line in lines:
        left = [word for word in line if word.x < x]
        right = [word for word in line if word.x >= x]
        if not left or not right:
            continue
        both = True
        if right[0].left - left[-1].right < _GAP * line[0].height or left[-1].right > x + 1:
            return False
    return both


def _at_gaps(boxes: Sequence[Box], words: Sequence[Word]) -> list[Box]:
    """Columns between the same two edges, cut where every row leaves a gap beside figures."""
    bands: dict[tuple[float, float], list[Box]] = defaultdict(list)
    for box in boxes:
        bands[box[0], box[2]].append(box)
    found: list[Box] = []
    for (left, right), band in bands.items():
        rows = [line for box in band for line in lines_of(inside(words, box))]
        cuts = column_gaps(rows) if len(rows) >= 2 else []
        edges = [left, *cuts, right]
        kept = cuts if cuts and _hold_figures(rows, edges) else []
        for box in band:
            found += _cut_across(box, kept)
    return found


def column_gaps(rows: Sequence[Sequence[Word]], gap: float = _GAP) -> list[float]:
    """Middles of the gaps, of `gap` heights at least, that no row writes over."""
    words = [word for row in rows for word in row]
    least = gap * median(word.height for word in words)
    gaps: list[float] = []
    end = min(word.right for word in words)
    for word in sorted(words, key=lambda word: word.left):
        if word.left - end >= least:
            gaps.append((word.left + end) / 2)
        end = max(end, word.right)
    return gaps


def _hold_figures(rows: Sequence[Sequence[Word]], edges: Sequence[float]) -> bool:
    """Most rows have text in most columns, and what is beside the first is mostly figures."""
    texts = [
        [text_of(w for w in row if left <= w.x < right) for left, right in pairwise(edges)]
        for row in rows
    ]
    full = [row for row in texts if sum(bool(text) for text in row) * 2 > len(row)]
    beside = [text for row in full for text in row[1:] if text]
    figures = sum(map(is_figure, beside))
    return len(full) * 2 >= len(rows) and figures >= max(2, _MOSTLY * len(beside))


def _at_lines(boxes: Sequence[Box], words: Sequence[Word]) -> list[Box]:
    """Rows between the same two edges, cut between lines of text that run through them."""
    bands: dict[tuple[float, float], list[Box]] = defaultdict(list)
    for box in boxes:
        bands[box[1], box[3]].append(box)
    found: list[Box] = []
    for band in bands.values():
        cuts = _row_gaps(sorted(band), words)
        for box in band:
            found += _cut_down(box, cuts)
    return found


def _row_gaps(band: Sequence[Box], words: Sequence[Word]) -> list[float]:
    """Heights between the rows that the lines of text are, if that is what they are."""
    own = [inside(words, box) for box in band]
    lines = lines_of(word for group in own for word in group)
    if len(band) < 2 or len(lines) < 2:
        return []
    rows = [[text_of(inside(line, box)) for box in band] for line in lines]
    beside = [text for row in rows for text in row[1:] if text]
    full = [row for row in rows if sum(bool(text) for text in row[1:]) * 2 >= len(row) - 1]
    if len(full) < 2 or sum(map(is_figure, beside)) < _MOSTLY * len(beside):
        return []
    return [
        (max(w.bottom for w in upper) + min(w.top for w in lower)) / 2
        for (upper, above), (lower, below) in pairwise(zip(lines, rows, strict=True))
        if not _goes_on(above, below)
    ]


def _goes_on(above: Sequence[str], below: Sequence[str]) -> bool:
    """A label in the first column wraps, and the figures stand beside one of its lines."""
    wraps = bool(above[0]) and below[0][:1].islower() and not above[0].endswith(":")
    return wraps and not (any(above[1:]) and any(below[1:]))


def _cut_across(box: Box, cuts: Sequence[float]) -> list[Box]:
    return _cut(box, cuts, lambda start, end: (start, box[1], end, box[3]), box[0], box[2])


def _cut_down(box: Box, cuts: Sequence[float]) -> list[Box]:
    return _cut(box, cuts, lambda start, end: (box[0], start, box[2], end), box[1], box[3])


def _cut(
    box: Box,
    cuts: Sequence[float],
    part: Callable[[float, float], Box],
    start: float,
    end: float,
) -> list[Box]:
    within = [at for at in cuts if start < at < end]
    return [part(a, b) for a, b in pairwise([start, *within, end])] if within else [box]
