"""Typed records that cross rooms.

Only data: no record knows how it was made, where it is stored, or that Dagster exists.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Progress = Callable[[str, int, int | None], None]
"""Told as work goes on: the stage's name, how many are done, and of how many if known."""


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


class Outcome(StrEnum):
    """What became of a URL that the crawl discovered."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not_modified"
    REFUSED = "refused"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One URL that a crawl discovered, and what became of it.

    `reason` says why it was refused or failed (`robots`, `depth`, `pattern`, `trap`,
    `same_content_as`, `type`, `size`, `private_address`, `denied`, `budget`, `status`, …) and
    `detail` the particulars (a status line, the other URL, the address). `snapshot` is the
    SHA-256 of the body in the blob store, `content_hash` that of the normalised content.
    `misses` counts the consecutive crawls in which a page that was once there could not be had.
    `charset` is what the server declared; `extractor` the version that `content_hash` is of.
    """

    source: str
    url: str
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    status: int | None = None
    content_type: str = ""
    size: int = 0
    etag: str = ""
    last_modified: str = ""
    snapshot: str = ""
    content_hash: str = ""
    depth: int = 0
    found_on: str = ""
    misses: int = 0
    fetched_at: str = ""
    charset: str = ""
    extractor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as it reads: its main text in Markdown under its canonical URL.

    `language` is an ISO 639-1 code and `published` an ISO date, both empty where unknown.
    `snapshot` is the SHA-256 of the bytes that `text` was extracted from.
    """

    source: str
    url: str
    title: str
    text: str
    language: str = ""
    published: str = ""
    snapshot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage small enough for the embedder, with where it stands.

    `heading` is the path of headings above it, joined by ` > `; `text` stands verbatim, white
    space folded, in the page's text; `tokens` counts `embedded_text` in the embedder's tokens;
    `position` numbers the chunks of one document from 0; `page` is a document's page from 1.
    """

    id: str
    source: str
    url: str
    title: str
    heading: str
    text: str
    tokens: int
    position: int = 0
    kind: str = "page"
    language: str = ""
    page: int | None = None
    html: str = ""

    @property
    def embedded_text(self) -> str:
        """What the embedder and the lexical index read: title, heading path and text."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


@dataclass(frozen=True, slots=True)
class EmbeddedChunks:
    """Chunks and their vectors: row i of `vectors`, float32 of unit length, is chunk i's."""

    chunks: list[Chunk]
    vectors: "NDArray[np.float32]"
    embedder: str
    """Fingerprint of the embedder that made the vectors."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that a search found. `rank` counts from 1; `score` is the fused score.

    `similarity` is the cosine of query and chunk, -1 to 1. `coverage` is the share of the
    query's words that stand in the chunk, weighed by their rarity in the corpus, 0 to 1.
    """

    chunk: Chunk
    score: float
    rank: int
    similarity: float = 0.0
    coverage: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """Where a sentence of an answer is supported. `n` is the number in the answer, from 1.

    `quote` stands verbatim, white space folded, in the stored text of the page at `url`.
    """

    n: int
    kind: str
    url: str
    title: str
    heading: str
    page: int | None
    quote: str
    chunk_id: str
    box: list[float] | None = None
    html: str | None = None
    image_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedAnswer:
    """An answer after its sentences were held against what was retrieved.

    `text` carries citation marks like `[1]`; `grounded` is the share of the generated sentences
    that had support, 0 to 1.
    """

    text: str
    citations: list[Citation] = field(default_factory=list[Citation])
    grounded: float = 0.0
    abstained: bool = False


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model by name and digest; the digest is empty where a server does not tell one."""

    name: str
    digest: str = ""
