"""Cuts a page's Markdown at its headings, then finer, into spans that fit a number of tokens.

Counts in the embedder's own tokens, found once for the whole page. Knows nothing of pages,
chunk ids or embedding. Every character but white space stands in exactly one span, or in the
headings that the span is embedded with.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag_pipelines.corpus.headers import Headers
from rag_pipelines.corpus.passages import Part, finer, level_of, parts_of
from rag_pipelines.inference.protocols import Tokenizer

_CHARACTERS_A_TOKEN = 16
"""A token counts for at least this many characters: one endless word is one token to BERT."""
_SEGMENT = 50_000
_CAPTION_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Span:
    """A passage: where it stands, its headings, and a cut table's header if it needs one."""

    start: int
    end: int
    path: tuple[str, ...]
    lead: str = ""


class PageCutter:
    """Cuts one page into spans that fit `limit` tokens with the headings they are embedded with."""

    def __init__(self, text: str, tokenizer: Tokenizer, headers: Headers, limit: int) -> None:
        self.text = text
        self.limit = limit
        self.parts = parts_of(text)
        self.rough = False
        """Whether a word had to be cut, so that counts no longer add up exactly."""
        self._headers = headers
        self._starts = list(_token_starts(text, tokenizer))
        self._headings = {
            part.start: (part.path[-1], following.start)
            for part, following in zip(self.parts, self.parts[1:], strict=False)
            if part.kind == "heading"
        }

    def cut(self) -> list[Span]:
        """The page's passages in order, without the headings that they are embedded with."""
        return self.bare(self._section(0, len(self.parts)) if self.parts else [])

    def bare(self, spans: Sequence[Span]) -> list[Span]:
        """The spans without the headings that they are embedded with."""
        return [replace(span, start=self._bare_start(span)) for span in spans]

    def tokens(self, span: Span) -> int:
        """Tokens of the span's title, headings and text, where tokens add up."""
        found = bisect_left(self._starts, span.end) - bisect_left(self._starts, span.start)
        return found + self._headers.of(span.path, span.lead).tokens

    def cost(self, span: Span) -> int:
        """What the span takes of the limit without the headings that it is embedded with."""
        bare = replace(span, start=self._bare_start(span))
        header = self._headers.of(span.path, span.lead).tokens
        return max(self.tokens(bare), (bare.end - bare.start) // _CHARACTERS_A_TOKEN + header)

    def _bare_start(self, span: Span) -> int:
        start = span.start
        kept = self._headers.of(span.path, span.lead).names
        while start in self._headings:
            name, following = self._headings[start]
            if name not in kept or following >= span.end:
                break
            start = following
        return start

    def _section(self, first: int, last: int) -> list[Span]:
        """Passages of parts `first` to before `last`: one if they fit, else by subsection."""
        whole = _over(self.parts[first:last])
        if self.cost(whole) <= self.limit:
            return [whole]
        bounds = self._subsections(first, last)
        if len(bounds) == 1:
            return self.packed(self.parts[first:last])
        pieces: list[Span] = []
        for begin, end in bounds:
            pieces += self._section(begin, end)
        return self._joined(pieces, self.limit)

    def _subsections(self, first: int, last: int) -> list[tuple[int, int]]:
        """Bounds at the highest headings inside; those that open the range do not cut it."""
        opening = first
        while opening < last and self.parts[opening].kind == "heading":
            opening += 1
        headings = [at for at in range(opening, last) if self.parts[at].kind == "heading"]
        if not headings:
            return [(first, last)]
        highest = min(level_of(self.text, self.parts[at]) for at in headings)
        inner = [at for at in headings if level_of(self.text, self.parts[at]) == highest]
        return list(zip([first, *inner], [*inner, last], strict=True))

    def packed(self, parts: Sequence[Part]) -> list[Span]:
        """Consecutive parts in as few passages as fit, and those as even as can be."""
        units = self.glued([unit for part in parts for unit in self.fitting(part, 0)])
        few = len(self._joined(units, self.limit))
        low, high = 1, self.limit
        while low < high:
            middle = (low + high) // 2
            if len(self._joined(units, middle)) <= few:
                high = middle
            else:
                low = middle + 1
        return self._joined(units, high)

    def fitting(self, part: Part, depth: int) -> Iterator[Part]:
        """The part, or what it must be cut into to fit; `depth` counts the cuts made so far."""
        if self.cost(_over([part])) <= self.limit:
            yield part
            return
        part = replace(part, kind="paragraph") if part.kind == "heading" else part
        pieces = finer(self.text, part, depth)
        if pieces is None:
            yield from self._hewn(part)
            return
        for piece in pieces:
            yield from self.fitting(piece, depth + 1)

    def _hewn(self, part: Part) -> Iterator[Part]:
        """A word too long for the limit, cut between tokens and at so many characters."""
        self.rough = True
        room = max(1, self.limit - self._headers.of(part.path, part.lead).tokens)
        start = part.start
        while start < part.end:
            after = bisect_left(self._starts, start) + room
            limits = [
                part.end,
                start + room * _CHARACTERS_A_TOKEN,
                *self._starts[after : after + 1],
            ]
            end = max(start + 1, min(limits))
            yield replace(part, start=start, end=end)
            start = end

    def glued(self, parts: Sequence[Part]) -> list[Span]:
        """Headings, captions and lines that end in a colon, each with what it announces."""
        spans: list[Span] = []
        announced = False
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            span = _over([part])
            if announced and self.cost(join(spans[-1], span)) <= self.limit:
                spans[-1] = join(spans[-1], span)
            else:
                spans.append(span)
            announced = following is not None and self._announces(part, following)
        return spans

    def _announces(self, part: Part, following: Part) -> bool:
        if part.kind == "heading" or self.text[part.end - 1] == ":":
            return True
        short = part.end - part.start < _CAPTION_TOKENS * 4
        return (
            following.kind == "table" and not following.lead and part.kind == "paragraph" and short
        )

    def _joined(self, spans: Sequence[Span], limit: int) -> list[Span]:
        """Neighbours that fit together as one, first come first served."""
        joined: list[Span] = list(spans[:1])
        for span in spans[1:]:
            both = join(joined[-1], span)
            if self.cost(both) <= limit:
                joined[-1] = both
            else:
                joined.append(span)
        return joined


def join(first: Span, second: Span) -> Span:
    """Two neighbours as one, under the headings that both have."""
    path = _shared(first.path, second.path)
    return replace(first, end=second.end, path=path)


def _over(parts: Sequence[Part]) -> Span:
    """The parts as one, under the headings that all of their text has in common."""
    paths = [part.path for part in parts if part.kind != "heading"] or [parts[-1].path]
    path = _shared(min(paths), max(paths))
    return Span(parts[0].start, parts[-1].end, path, parts[0].lead)


def _shared(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """The headings that both paths begin with."""
    for depth, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return first[:depth]
    return min(first, second, key=len)


def _token_starts(text: str, tokenizer: Tokenizer) -> Iterator[int]:
    """Where each token begins; a long text goes to the tokenizer in pieces cut at blank lines."""
    start = 0
    while start < len(text):
        end = text.find("\n\n", start + _SEGMENT)
        end = len(text) if end < 0 else end
        for first, last in tokenizer.offsets(text[start:end]):
            if last > first:
                yield start + first
        start = end
