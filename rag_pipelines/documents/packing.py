"""Lines into passages that fit the embedder: what tables and figures are cut with.

Every passage repeats what its lines stand under. Knows tokens; does not know what a line says.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag_pipelines.corpus.chunking import Splitter
from rag_pipelines.corpus.headers import Headers
from rag_pipelines.errors import ConfigError

_SHORTEST = 16
"""Characters of a line that is not cut further, whatever a tokenizer counts."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text as cells; `row` is what it was made from, a paragraph has none."""

    cells: tuple[str, ...]
    row: int | None = None

    @property
    def text(self) -> str:
        return self.cells[0] if self.row is None else f"| {' | '.join(self.cells)} |"


@dataclass(frozen=True, slots=True)
class Packed:
    """A passage made of whole lines, with the title and headings that it is embedded with."""

    title: str
    heading: str
    text: str
    tokens: int
    lines: list[Line]

    @property
    def embedded_text(self) -> str:
        """As `Chunk.embedded_text`."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


_Count = Callable[[Sequence[str]], list[int]]


def packed(
    lines: Sequence[Line], title: str, path: Sequence[str], splitter: Splitter
) -> list[Packed]:
    """The lines in order in as few passages as fit, and those as even as can be.

    A line that is too long by itself is cut between its cells, its first one repeated, or between
    words. Raises `ConfigError` where not even a word fits.
    """
    limit, count = splitter.limit, splitter.tokenizer.count
    while limit >= 4:
        headers = Headers(title, splitter.tokenizer, limit)
        header = headers.of(tuple(path), "")
        room = limit - header.tokens
        groups = _groups(list(_fitting(lines, room, count)), room, count)
        found = [Packed(headers.title, header.heading, _text(own), 0, own) for own in groups]
        counts = count([passage.embedded_text for passage in found])
        if max(counts, default=0) <= splitter.limit:
            pairs = zip(found, counts, strict=True)
            return [replace(passage, tokens=tokens) for passage, tokens in pairs]
        limit = limit * 3 // 4
    raise ConfigError(
        f"{title} cannot be cut into passages of {splitter.limit} tokens; raise chunking.max_tokens"
    )


def _text(lines: Sequence[Line]) -> str:
    """Paragraphs set apart by a blank line, rows each on a line of its own."""
    pieces = [lines[0].text]
    for before, line in pairwise(lines):
        rows = before.row is not None and line.row is not None
        pieces += ["\n" if rows else "\n\n", line.text]
    return "".join(pieces)


def _fitting(lines: Sequence[Line], room: int, count: _Count) -> Iterator[Line]:
    for line, tokens in zip(lines, count([line.text for line in lines]), strict=True):
        if tokens <= room or len(line.text) < _SHORTEST:
            yield line
        else:
            yield from _fitting(_halves(line), room, count)


def _halves(line: Line) -> list[Line]:
    first, *rest = line.cells
    if len(rest) > 1:
        half = len(rest) // 2
        return [replace(line, cells=(first, *part)) for part in (rest[:half], rest[half:])]
    at = max(range(len(line.cells)), key=lambda number: len(line.cells[number]))
    return [
        replace(line, cells=(*line.cells[:at], part, *line.cells[at + 1 :]))
        for part in _halved(line.cells[at])
    ]


def _halved(text: str) -> list[str]:
    """Cut between words near the middle, inside a word where there is only one."""
    space = text.rfind(" ", 1, len(text) // 2 + 1)
    at = space if space > 0 else len(text) // 2
    return [text[:at], text[at:].lstrip()]


def _groups(lines: Sequence[Line], room: int, count: _Count) -> list[list[Line]]:
    costs = count([line.text for line in lines])
    few = len(_filled(lines, costs, room))
    low, high = 1, room
    while low < high:
        middle = (low + high) // 2
        if len(_filled(lines, costs, middle)) <= few:
            high = middle
        else:
            low = middle + 1
    return _filled(lines, costs, high)


def _filled(lines: Sequence[Line], costs: Sequence[int], room: int) -> list[list[Line]]:
    groups: list[list[Line]] = []
    left = 0
    for line, cost in zip(lines, costs, strict=True):
        if not groups or cost > left:
            groups.append([])
            left = room
        groups[-1].append(line)
        left -= cost
    return groups
