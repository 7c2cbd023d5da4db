"""Pages in, chunks out.

Knows how a chunk is named and which way of cutting a source asks for. Does not know where pages
come from, how chunks are embedded, or that Dagster exists.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from rag_pipelines.corpus.by_title import PageCutter
from rag_pipelines.corpus.fingerprint import digest_of
from rag_pipelines.corpus.headers import Headers
from rag_pipelines.errors import ConfigError
from rag_pipelines.inference.protocols import Tokenizer
from rag_pipelines.records import Chunk, Page
from rag_pipelines.sources import Chunking

_BY_TITLE_VERSION = "by_title-1"
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
    """A cut of a page: `tokens` counts title, heading and text together."""

    title: str
    heading: str
    text: str
    tokens: int

    @property
    def embedded_text(self) -> str:
        """As `Chunk.embedded_text`."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


class Splitter(Protocol):
    """One way of cutting pages."""

    fingerprint: str
    """Digest of the algorithm, its settings and its tokenizer; part of every chunk id."""

    def split(self, page: Page) -> Iterable[Passage]:
        """The page's passages in order, none of them empty."""
        ...


class ByTitle:
    """Cuts at Markdown headings, then at paragraphs, items and sentences; joins what is small."""

    def __init__(self, tokenizer: Tokenizer, limit: int) -> None:
        self._tokenizer = tokenizer
        self._limit = limit
        self._adds_up = _adds_up(tokenizer)
        self.fingerprint = digest_of(_BY_TITLE_VERSION, str(limit), tokenizer.fingerprint)

    def split(self, page: Page) -> list[Passage]:
        """The page's passages, each within the limit by the tokenizer's own count.

        Raises `ConfigError` where not even a word fits.
        """
        limit = self._limit
        while limit >= 4:
            passages, exact = self._cut(page, limit)
            if not exact:
                passages = self._counted(passages)
            if max((passage.tokens for passage in passages), default=0) <= self._limit:
                return passages
            limit = limit * 3 // 4
        raise ConfigError(
            f"{page.url} cannot be cut into passages of {self._limit} tokens; "
            "raise chunking.max_tokens"
        )

    def _cut(self, page: Page, limit: int) -> tuple[list[Passage], bool]:
        headers = Headers(page.title, self._tokenizer, limit)
        cutter = PageCutter(page.text, self._tokenizer, headers, limit)
        passages = [
            Passage(
                headers.title,
                headers.of(span.path, span.lead).heading,
                page.text[span.start : span.end],
                cutter.tokens(span),
            )
            for span in cutter.cut()
        ]
        return passages, self._adds_up and not cutter.rough

    def _counted(self, passages: list[Passage]) -> list[Passage]:
        counts = self._tokenizer.count([passage.embedded_text for passage in passages])
        return [
            Passage(passage.title, passage.heading, passage.text, tokens)
            for passage, tokens in zip(passages, counts, strict=True)
        ]


def splitter_for(chunking: Chunking, tokenizer: Tokenizer, max_tokens: int) -> Splitter:
    """The splitter that a source's settings name.

    `max_tokens` is the embedder's longest input without special tokens; it caps the setting.
    """
    return ByTitle(tokenizer, min(chunking.max_tokens, max_tokens))


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
