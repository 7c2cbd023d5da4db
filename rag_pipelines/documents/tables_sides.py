"""Tables beside each other, told apart: each side of a gap from top to bottom is a table by itself.

A column of labels in the middle of one table looks the same; what parts two is that their rows
stand at other heights, or that each has its own title. Does not know what the tables hold.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from rag_pipelines.documents.tables_captions import is_note, is_numbered
from rag_pipelines.documents.tables_divided import column_gaps
from rag_pipelines.documents.tables_numbers import are_figures, is_year
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_segments import Segment, lines_in_segments, segments_of
from rag_pipelines.documents.tables_text import lines_of, text_of

_FAR = 3.5
"""Heights of a line without text that part what stands above from what stands below."""
_GUTTER = 1.2
"""Heights of the words that the gap between two tables is wide at least."""
_LEVEL = 0.15
"""Heights of a word within which two rows stand at one height."""
_LOOSE = 1.25
"""Share of the usual distance between lines that is a wider one."""
_MATCHED = 0.6
"""Share of a side's rows that is most of them."""
_FEWEST = 3
_TITLE = 2
"""Words of a title at least."""

Line = list[Segment]


def sides_of(words: Sequence[Word]) -> list[list[Word]]:
    """The words in groups, each of which holds no two tables beside each other."""
    return [side for run in _runs(words) for side in _sides(run)]


def _runs(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Words between heights at which nothing stands."""
    run: list[Word] = []
    bottom = 0.0
    for word in sorted(words, key=lambda word: word.top):
        if run and word.top - bottom > _FAR * word.height:
            yield run
            run = []
        run.append(word)
        bottom = max(bottom, word.bottom) if len(run) > 1 else word.bottom
    if run:
        yield run


def _sides(words: list[Word]) -> list[list[Word]]:
    """The sides of what is parted from top to bottom, or of the blocks between titles."""
    if (gap := _gutter(words)) is not None:
        return _parted(words, gap)
    sides: list[list[Word]] = []
    whole = False
    for block in _blocks(words):
        gap = _gutter(block)
        if gap is not None:
            sides += _parted(block, gap)
        elif whole:
            sides[-1].extend(block)
        else:
            sides.append(block)
        whole = gap is None
    return sides


def _parted(words: Sequence[Word], gap: float) -> list[list[Word]]:
    left, right = [w for w in words if w.x < gap], [w for w in words if w.x >= gap]
    return [*_sides(left), *_sides(right)]


def _blocks(words: Sequence[Word]) -> list[list[Word]]:
    """The words cut at captions, at notes, and at a line of text after a wider space."""
    lines = lines_of(words)
    usual = median([b[0].y - a[0].y for a, b in pairwise(lines)] or [0.0])
    blocks = [list(lines[0])]
    for above, line in pairwise(lines):
        text, alone = text_of(line), len(segments_of(line)) == 1
        title = len(line) >= _TITLE and line[0].y - above[0].y > _LOOSE * usual
        if alone and (is_numbered(text) or is_note(text) or title):
            blocks.append([])
        blocks[-1].extend(line)
    return blocks


def _gutter(words: Sequence[Word]) -> float | None:
    """Where two tables that stand beside each other are parted; the one with most rows."""
    lines = lines_in_segments(words)
    rows = [line for line in lines if any(are_figures(text_of(s)) for s in line[1:])]
    if len(rows) < _FEWEST:
        return None
    best: tuple[int, float] | None = None
    for gap in column_gaps([[w for s in line for w in s] for line in rows], _GUTTER):
        left = [word for word in words if word.x < gap]
        right = [word for word in words if word.x >= gap]
        if _is_table(left) and _is_table(right) and _apart(left, right):
            count = len(_rows(left)) + len(_rows(right))
            best = max(best or (0, 0.0), (count, gap))
    return best[1] if best else None


def _is_table(words: Sequence[Word]) -> bool:
    """Whether rows of labels with figures beside them stand there, and few other figures."""
    lines = lines_in_segments(words)
    rows = sum(map(_is_row, lines))
    figures = sum(any(are_figures(text_of(s)) for s in line) for line in lines if len(line) > 1)
    return rows >= max(_FEWEST, _MATCHED * figures)


def _is_row(line: Line) -> bool:
    label, *beside = map(text_of, line)
    told = is_year(label) or not are_figures(label)
    return bool(beside) and told and all(map(are_figures, beside))


def _apart(left: Sequence[Word], right: Sequence[Word]) -> bool:
    return not _level(left, right) or _titled(left, right)


def _level(left: Sequence[Word], right: Sequence[Word]) -> bool:
    """Whether most rows of the side with fewer have one beside them at the same height."""
    rows = sorted((_rows(left), _rows(right)), key=len)
    beside = [
        any(abs(word.y - other.y) <= _LEVEL * word.height for other in rows[1]) for word in rows[0]
    ]
    return sum(beside) >= _MATCHED * len(beside)


def _rows(words: Sequence[Word]) -> list[Word]:
    """The first word of each row."""
    lines = lines_in_segments(words)
    return [line[0][0] for line in lines if _is_row(line)]


def _titled(left: Sequence[Word], right: Sequence[Word]) -> bool:
    """Whether titles stand beside each other, each above the labels of its side."""
    ones, others = list(_titles(left)), list(_titles(right))
    level = any(abs(a[0].y - b[0].y) <= a[0].height for a in ones for b in others)
    numbered = [any(is_numbered(text_of(title)) for title in side) for side in (ones, others)]
    return level or all(numbered)


def _titles(side: Sequence[Word]) -> Iterator[list[Word]]:
    lines = lines_in_segments(side)
    first = next(number for number, line in enumerate(lines) if _is_row(line))
    start = min(line[1][0].left for line in lines[first:] if _is_row(line))
    for line in lines[:first]:
        if len(line) == 1 and len(line[0]) >= _TITLE and line[0][0].left < start:
            yield line[0]
