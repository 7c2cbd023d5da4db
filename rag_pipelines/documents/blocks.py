"""Lines of a page in, its paragraphs and rows in reading order out.

Knows geometry and hyphens. The order of the file is kept, unless it goes back up within a column:
then the page is cut at its gaps. What a block is (heading, list item, …) is decided in `kinds`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from rag_pipelines.documents.lines import Box, Line, Run, around

BULLET = re.compile(r"^[•‣◦▪●○■□\u2013\u2014*·\uf0b7\uf0a7o-]\s+(?=\S)|^[\uf0b7\uf0a7•▪●]")
NUMBERED = re.compile(r"^(?:\(?(?:\d{1,3}|[a-z]|[ivx]{1,5})\)|\d{1,3}\.)\s+(?=\S)")
LABEL = re.compile(
    r"(?:fig(?:ure|\.)?|table|chart|graph|diagram|tab\.|abb(?:ildung|\.)|tabelle|tableau|graphique"
    r"|cuadro|gráfico|figura|tabla|tabella|grafico)\s+[\dA-Z]{1,3}(?:[.-]\d+)*[a-z]?\s*[:.]?",
    re.IGNORECASE,
)
"""How a caption begins."""
BROKEN = "\x02"
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "。", "؟")
_SAME_SIZE = 0.1
_LOOSE = 1.35
_MARKER = 12
"""Longest text before a gap that is taken for a bullet or a number, not a table's first cell."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, in order. `row` says that wide gaps divide its only line."""

    lines: list[Line]
    row: bool = False

    @property
    def box(self) -> Box:
        """Where it stands."""
        return around([line.box for line in self.lines])

    @property
    def size(self) -> float:
        """Height of most of its letters."""
        sizes = Counter[float]()
        for line in self.lines:
            sizes[line.size] += len(line.text)
        return sizes.most_common(1)[0][0]

    @property
    def weight(self) -> int:
        """The lightest of its lines: a paragraph that begins in bold is not bold."""
        return min(line.weight for line in self.lines)


def blocks_of(lines: Sequence[Line]) -> list[Block]:
    """The page's blocks in reading order."""
    divided = [part for line in _gutters_cut(lines) for part in _marker_kept(line)]
    blocks = list(_grouped(divided))
    return _cut_into_order(blocks) if _goes_back(blocks) else blocks


def text_of(lines: Sequence[Line], words: Collection[str] = ()) -> str:
    """The lines as running text, words that were broken at a line's end mended.

    `words` are those of the document, folded in case: a hyphen that one of them has is kept.
    """
    text = ""
    for line in lines:
        text = joined(text, line.text, words)
    return text.replace(BROKEN, "-")


def joined(text: str, more: str, words: Collection[str] = ()) -> str:
    """The text with one more line, as `text_of` has it."""
    if not text:
        return more
    told = text.endswith(BROKEN)
    if not told and not re.search(r"\w[-\u2010]$", text):
        return f"{text} {more}"
    stem, start = text[:-1], re.match(r"[^\W\d_]+", more)
    head = re.search(r"[^\W\d_]+$", stem)
    if head is None or start is None or not start.group()[0].islower():
        return f"{stem}-{more}"
    whole, hyphened = (f"{head.group()}{mark}{start.group()}".casefold() for mark in ("", "-"))
    kept = hyphened in words and whole not in words
    return f"{stem}-{more}" if kept else f"{stem}{more}"


def words_of(lines: Iterable[str]) -> set[str]:
    """The words of the lines with their inner hyphens, folded in case."""
    return {
        word.casefold() for line in lines for word in re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", line)
    }


def _marker_kept(line: Line) -> Iterator[Line]:
    """A bullet or a number before a gap is part of its line, and no cell."""
    first = line.runs[0]
    if len(line.runs) > 1 and len(first.text) <= _MARKER and _is_marker(first.text):
        second = line.runs[1]
        merged = Run(f"{first.text} {second.text}", first.left, second.right)
        line = line.of_runs([merged, *line.runs[2:]], line.broken)
    yield line


def _is_marker(text: str) -> bool:
    return bool(
        BULLET.match(f"{text} x")
        or NUMBERED.match(f"{text} x")
        or re.fullmatch(r"[A-Z\d]{1,3}(?:\.\d{1,3})*\.?", text)
        or LABEL.fullmatch(text)
    )


def _gutters_cut(lines: Sequence[Line]) -> list[Line]:
    """Lines that run over a gutter between columns, as files of some programs have them, in two."""
    wide = [line for line in lines if len(line.runs) == 2 and _prose(line)]
    if len(wide) < 6:
        return list(lines)
    left = max(line.runs[0].right for line in wide)
    right = min(line.runs[1].left for line in wide)
    if right <= left:
        return list(lines)
    first, last = lines.index(wide[0]), len(lines) - list(reversed(lines)).index(wide[-1])
    divided = _divided(lines[first:last], (left + right) / 2)
    return [*lines[:first], *divided, *lines[last:]]


def _divided(lines: Sequence[Line], gutter: float) -> list[Line]:
    """Column by column, down to each line that runs over both."""
    read, columns = list[Line](), (list[Line](), list[Line]())
    for line in lines:
        before = [run for run in line.runs if run.right <= gutter]
        after = [run for run in line.runs if run.left >= gutter]
        if len(before) > 1 or len(after) > 1 or len(before) + len(after) < len(line.runs):
            read += [*columns[0], *columns[1], line]
            columns = (list[Line](), list[Line]())
            continue
        if before:
            columns[0].append(line.of_runs(before, line.broken and not after))
        if after:
            columns[1].append(line.of_runs(after, line.broken))
    return [*read, *columns[0], *columns[1]]


def _prose(line: Line) -> bool:
    return all(len(run.text) >= 20 and " " in run.text for run in line.runs)


def _grouped(lines: Sequence[Line]) -> Iterator[Block]:
    pitch = _pitch(lines)
    gathered: list[Line] = []
    for line in lines:
        if gathered and not _goes_on(gathered, line, pitch):
            yield _block(gathered)
            gathered = []
        gathered.append(line)
    if gathered:
        yield _block(gathered)


def _block(lines: list[Line]) -> Block:
    return Block(lines, row=len(lines) == 1 and len(lines[0].runs) > 1)


def _pitch(lines: Sequence[Line]) -> float:
    """From line to line, in heights of letters: what is usual on the page."""
    steps = [
        (below.top - above.top) / above.size
        for above, below in pairwise(lines)
        if _alike(above, below) and 0.5 < (below.top - above.top) / above.size < 2.5
    ]
    return min(median(steps), 1.8) if steps else 1.15


def _alike(above: Line, below: Line) -> bool:
    larger = max(above.size, below.size)
    return (
        above.upright == below.upright
        and abs(above.size - below.size) <= _SAME_SIZE * larger
        and min(above.right, below.right) > max(above.left, below.left)
    )


def _goes_on(block: list[Line], line: Line, pitch: float) -> bool:
    """Whether the line is of the same paragraph as those before it."""
    last = block[-1]
    if len(line.runs) > 1 or len(last.runs) > 1 or not _alike(last, line):
        return False
    if not last.upright:
        return True
    step = (line.top - last.top) / max(last.size, 0.1)
    if not 0.4 < step <= _LOOSE * pitch:
        return False
    if _heavy(last) != _heavy(line) and (_heavy(line) or (len(block) <= 3 and all_heavy(block))):
        return False
    if BULLET.match(line.text) or NUMBERED.match(line.text):
        return False
    return not _ends_paragraph(block, line)


def _heavy(line: Line) -> bool:
    return line.weight >= 600


def all_heavy(lines: Sequence[Line]) -> bool:
    """Whether every line is bold."""
    return all(map(_heavy, lines))


def _ends_paragraph(block: list[Line], line: Line) -> bool:
    last = block[-1]
    if not last.text.endswith(_SENTENCE_ENDS):
        return False
    right = max(known.right for known in [*block, line])
    left = min(known.left for known in [*block[1:], line])
    short = last.right < right - 0.15 * max(right - left, 1.0)
    indented = line.left - left > 0.8 * line.size and len(block) > 1
    return short or indented


def _goes_back(blocks: Sequence[Block]) -> bool:
    """Whether a block stands above the one before it, in the same column."""
    boxes = [block.box for block in blocks]
    return any(
        below[3] <= above[1] + 1
        and min(above[2], below[2]) - max(above[0], below[0])
        > 0.5 * min(above[2] - above[0], below[2] - below[0])
        for above, below in pairwise(boxes)
    )


def _cut_into_order(blocks: list[Block]) -> list[Block]:
    """Blocks from top to bottom, column by column: cut at the widest gap, across or down."""
    if len(blocks) < 2:
        return blocks
    size = median(block.size for block in blocks)
    across, across_gap = _widest_gap(blocks, 0)
    down, down_gap = _widest_gap(blocks, 1)
    if down_gap <= 0 and across_gap <= 0:
        return sorted(blocks, key=lambda block: (round(block.box[1] / size), block.box[0]))
    columns = across_gap >= size and not any(block.row for block in blocks)
    axis, cut = (0, across) if columns and across_gap >= 0.6 * down_gap else (1, down)
    if (axis == 1 and down_gap <= 0) or (axis == 0 and across_gap <= 0):
        axis, cut = (0, across) if down_gap <= 0 else (1, down)
    before = [block for block in blocks if block.box[axis] < cut]
    after = [block for block in blocks if block.box[axis] >= cut]
    if not before or not after:
        return sorted(blocks, key=lambda block: (block.box[1], block.box[0]))
    return _cut_into_order(before) + _cut_into_order(after)


def _widest_gap(blocks: Sequence[Block], axis: int) -> tuple[float, float]:
    """Where the widest free band ends, and how wide it is; nothing where there is none."""
    spans = sorted((block.box[axis], block.box[axis + 2]) for block in blocks)
    reached, best, width = spans[0][1], 0.0, 0.0
    for start, end in spans[1:]:
        if start - reached > width:
            best, width = start, start - reached
        reached = max(reached, end)
    return best, width
