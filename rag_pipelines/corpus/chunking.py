"""Pages in, chunks out.

Knows how a chunk is named and which way of cutting a source asks for. Does not know where pages
come from, how chunks are embedded, or that Dagster exists.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rag_pipelines.corpus.by_page import cut_by_page
from rag_pipelines.corpus.by_similarity import cut_by_similarity
from rag_pipelines.corpus.by_title import PageCutter, Span
from rag_pipelines.corpus.fingerprint import digest_of
from rag_pipelines.corpus.headers import Headers
from rag_pipelines.errors import ConfigError
from rag_pipelines.inference.protocols import Embedder, Tokenizer
from rag_pipelines.records import Chunk, Page
from rag_pipelines.sources import Chunking

_VERSIONS = {"by_title": "by_title-1", "by_page": "by_page-1", "by_similarity": "by_similarity-1"}
_PROBES: tuple[str, ...] = (
    "a",
    "bc",
    "Wal_level is 'replica'; see §8.1.",
    "| naïve | 12,5 % |",
    "- one",
    "# Drei",
    "灯具。",
    "x",
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A cut of a page, which it begins at `start`: `tokens` counts title, heading and text."""

    title: str
    heading: str
    text: str
    tokens: int
    start: int

    @property
    def embedded_text(self) -> str:
        """As `Chunk.embedded_text`."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


class Splitter(Protocol):
    """One way of cutting pages."""

    fingerprint: str
    """Digest of the algorithm, its settings and its tokenizer; part of every chunk id."""
    tokenizer: Tokenizer
    limit: int
    """Most tokens that a passage may have with its title and heading."""

    def split(self, page: Page, breaks: Sequence[int] = ()) -> Iterable[Passage]:
        """The page's passages in order, none of them empty.

        `breaks` are offsets of the text at which a printed page begins.
        """
        ...


Cut = Callable[[PageCutter, Sequence[int]], list[Span]]
"""A strategy: the spans to cut a text into, given where its printed pages begin."""


class Strategy:
    """Cuts as a strategy says, each passage within the limit by the tokenizer's own count."""

    def __init__(self, cut: Cut, tokenizer: Tokenizer, limit: int, version: Sequence[str]) -> None:
        """`version` names the strategy, and all that its cuts depend on but these arguments."""
        self.tokenizer = tokenizer
        self.limit = limit
        self._cut_spans = cut
        self._adds_up = _adds_up(tokenizer)
        name, *rest = version
        self.fingerprint = digest_of(name, str(limit), tokenizer.fingerprint, *rest)

    def split(self, page: Page, breaks: Sequence[int] = ()) -> list[Passage]:
        """As `Splitter.split`. Raises `ConfigError` where not even a word fits."""
        limit = self.limit
        while limit >= 4:
            passages, exact = self._cut(page, breaks, limit)
            if not exact:
                passages = self._counted(passages)
            if max((passage.tokens for passage in passages), default=0) <= self.limit:
                return passages
            limit = limit * 3 // 4
        raise ConfigError(
            f"{page.url} cannot be cut into passages of {self.limit} tokens; "
            "raise chunking.max_tokens"
        )

    def _cut(self, page: Page, breaks: Sequence[int], limit: int) -> tuple[list[Passage], bool]:
        headers = Headers(page.title, self.tokenizer, limit)
        cutter = PageCutter(page.text, self.tokenizer, headers, limit)
        passages = [
            Passage(
                headers.title,
                headers.of(span.path, span.lead).heading,
                page.text[span.start : span.end],
                cutter.tokens(span),
                span.start,
            )
            for span in self._cut_spans(cutter, breaks)
        ]
        return passages, self._adds_up and not cutter.rough

    def _counted(self, passages: list[Passage]) -> list[Passage]:
        counts = self.tokenizer.count([passage.embedded_text for passage in passages])
        return [
            replace(passage, tokens=tokens)
            for passage, tokens in zip(passages, counts, strict=True)
        ]


def splitter_for(chunking: Chunking, embedder: Embedder) -> Splitter:
    """The splitter that a source's settings name; the embedder's longest input caps its limit."""
    limit = min(chunking.max_tokens, embedder.max_tokens)
    version = [_VERSIONS[chunking.strategy]]
    if chunking.strategy == "by_similarity":
        version.append(embedder.fingerprint)
    return Strategy(_cut_for(chunking, embedder), embedder.tokenizer, limit, version)


def _cut_for(chunking: Chunking, embedder: Embedder) -> Cut:
    match chunking.strategy:
        case "by_page":
            return cut_by_page
        case "by_similarity":
            return lambda cutter, _: cut_by_similarity(cutter, embedder.encode)
        case "by_title":
            return lambda cutter, _: cutter.cut()


def chunk_pages(pages: Iterable[Page], splitter: Splitter) -> list[Chunk]:
    """Cut pages into chunks whose ids depend on content alone.

    The same page and splitter always give the same ids, so an unchanged page costs nothing
    downstream; a passage that a page repeats gets one id for each occurrence.
    """
    return [chunk for page in pages for chunk in _chunks(page, splitter)]


def _chunks(page: Page, splitter: Splitter) -> Iterator[Chunk]:
    seen: Counter[str] = Counter()
    for position, passage in enumerate(splitter.split(page)):
        text = passage.text
        seen[text] += 1
        yield Chunk(
            id=digest_of(page.source, page.url, splitter.fingerprint, text, str(seen[text])),
            source=page.source,
            url=page.url,
            title=passage.title,
            heading=passage.heading,
            text=text,
            tokens=passage.tokens,
            position=position,
            language=page.language,
        )


def _adds_up(tokenizer: Tokenizer) -> bool:
    """Whether texts set apart by white space have together the tokens that each has alone."""
    alone = dict(zip(_PROBES, tokenizer.count(_PROBES), strict=True))
    pairs = [(one, other) for one in _PROBES for other in _PROBES]
    together = tokenizer.count([f"{one}\n{other}" for one, other in pairs])
    return together == [alone[one] + alone[other] for one, other in pairs]
