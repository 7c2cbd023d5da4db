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
class DocumentFile:
    """One file that a source holds, and what became of it.

    `document` is the SHA-256 of its bytes, in the blob store; `url` where it is: a crawled PDF's
    own URL, `file:` and a path relative to `sources.yaml` for a file on disk. `problem` says why
    it could not be read (empty where it could): `encrypted: …`, `damaged: …`, `too large: …`,
    `timeout: …`, `memory: …`, `crashed: …`, `empty: …`, `type: …`, `error: …`. `parser` is `local`
    or `llama_parse`.
    `refused_by` names the parser and its limits where the same would meet the `problem` again.
    """

    source: str
    url: str
    document: str
    name: str
    media_type: str
    size: int
    pages: int = 0
    title: str = ""
    parser: str = "local"
    problem: str = ""
    refused_by: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One of Unstructured's elements: `kind` is the name of its class there.

    `page` counts from 1; `box` is left, top, right, bottom in points from the top left corner of
    the page as it is shown, which measures `page_width` by `page_height` points. `parent` is the
    id of the heading above it, `depth` a heading's level from 0. `extractor` says what read the
    text: `unstructured`, `pdfium`, `rapidocr`, `text` or `llama_parse`. `html` is a table as
    the file itself tells it, `image` a picture's SHA-256. Every page of a parsed file ends with a
    `PageBreak`, so that a page without text is known as well. `note` tells a fallback.
    """

    id: str
    source: str
    document: str
    url: str
    title: str
    media_type: str
    kind: str
    text: str
    position: int
    page: int | None = None
    page_width: float = 0.0
    page_height: float = 0.0
    box: list[float] | None = None
    parent: str = ""
    depth: int | None = None
    language: str = ""
    extractor: str = "unstructured"
    html: str = ""
    image: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTable:
    """A table as clean HTML. `rows` is its grid of texts, spans repeated in every cell they cover.

    `page` and `box` are where it begins; `pages` all pages that a table over a page break covers.
    `engine` names what found it, `headers` counts the heading rows of the grid. A document without
    a table has one row with an empty `html`, which says that it was looked at; `problem` says why
    its tables could not be read. `summariser` is the fingerprint of the model that wrote
    `summary`, empty where it was made without one.
    """

    id: str
    source: str
    document: str
    url: str
    title: str
    html: str
    rows: list[list[str]]
    page: int | None = None
    pages: list[int] = field(default_factory=list[int])
    box: list[float] | None = None
    caption: str = ""
    summary: str = ""
    headers: int = 1
    engine: str = ""
    problem: str = ""
    position: int = 0
    summariser: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A picture of a document: `image` is the SHA-256 of its PNG.

    `text` is what the file itself says inside a drawing, `ocr` what was read from a picture. A
    document that was looked at and has no picture is one row without `image`, so that it is known
    as well; `problem` says there why its pictures could not be read. `description` is what
    `captioner`, a model by name, says of it; both are empty where none is configured, and
    `problem` says why one that is configured gave nothing.
    """

    id: str
    source: str
    document: str
    url: str
    title: str
    image: str
    page: int | None = None
    box: list[float] | None = None
    caption: str = ""
    text: str = ""
    ocr: str = ""
    description: str = ""
    captioner: str = ""
    problem: str = ""
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage small enough for the embedder, with where it stands.

    `heading` is the path of headings above it, joined by ` > `; `text` stands verbatim, white
    space folded, in the page's text; `tokens` counts `embedded_text` in the embedder's tokens;
    `position` numbers the chunks of one document from 0; `page` is a document's page from 1.
    `kind` is `page` for a web page's passage, `document`, `table` or `figure` for a file's;
    `document` is the file's SHA-256, `box` as `Element.box`, `html` the table as it is shown,
    `image` the picture's SHA-256, `entities` as `LABEL:name`, `elements` the ids of the elements
    that the passage was made from.
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
    document: str = ""
    box: list[float] | None = None
    image: str = ""
    entities: list[str] = field(default_factory=list[str])
    elements: list[str] = field(default_factory=list[str])

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
    `document` is the SHA-256 of the file that is cited, `box` its place on `page` as `Element.box`.
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
    document: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedAnswer:
    """An answer after its sentences were held against what was retrieved.

    `text` carries citation marks like `[1]`; `grounded` is the share of the generated sentences
    that had support, 0 to 1. `pieces` are its sentences, each with the space before it.
    """

    text: str
    citations: list[Citation] = field(default_factory=list[Citation])
    grounded: float = 0.0
    abstained: bool = False
    pieces: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedAnswer:
    """What somebody thought of an answer, without a trace of who it was.

    `quotes`, `chunk_ids` and `titles` are the answer's citations, in their order; `correction` is
    what the answer should have been, `created_at` when it was said, ISO 8601 in UTC.
    """

    answer_id: str
    rating: str
    question: str
    answer: str
    correction: str = ""
    comment: str = ""
    quotes: list[str] = field(default_factory=list[str])
    chunk_ids: list[str] = field(default_factory=list[str])
    titles: list[str] = field(default_factory=list[str])
    release: str = ""
    model: str = ""
    prompt: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A conversation and the answer that a model should learn to give.

    `roles` and `contents` are its messages, in order, up to the answer: `completion`. `page` is the
    URL that it is about, empty where it is about none; all of a page is in one `split` (`train`,
    `validation` or `test`). `origin` is `golden`, `feedback`, `corpus`, `file` or `dataset`, and
    `answers` are the ids of the rated answers that it comes from. `id` is a digest of the texts.
    """

    id: str
    split: str
    origin: str
    roles: list[str]
    contents: list[str]
    completion: str
    page: str = ""
    answers: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A conversation and two answers to it, of which people or the passages prefer one.

    As `Example`; `origin` is `correction`, `thumbs`, `grounding`, `file` or `dataset`.
    """

    id: str
    split: str
    origin: str
    roles: list[str]
    contents: list[str]
    chosen: str
    rejected: str
    page: str = ""
    answers: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model by name and digest; the digest is empty where a server does not tell one."""

    name: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A challenger, and the share of the users that it answers beside the model that serves."""

    model: ModelRef
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelArtifact:
    """A model in the artifact store, as one row.

    `variant` is its name in `models.yaml` and `digest` its place in the store; `parent` is the
    digest of the base that it goes back to and is held against, empty for a base, and `made_of`
    that of the model it was made from, a base or a tuned one. `method` says how (`base`, `nf4`,
    `int8`, `onnx-fp32`, `lora`, …), `task` what it does (`causal`, `embed`, `answer`, …). `size`
    is in bytes on disk. `origin` is where a base came from, `licence` as its card tells it, `note`
    what a reader must know, such as that the weights were 4-bit once. `dataset` is the digest of
    what a tuned model, or the one it was made from, learned from.
    """

    variant: str
    digest: str
    parent: str
    method: str
    task: str
    size: int
    origin: str = ""
    licence: str = ""
    note: str = ""
    made_of: str = ""
    dataset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured figure of one variant, in the unit that its name ends with.

    `spread` is half the width of its 95 % interval for a mean, half the distance of the quartiles
    for a median, and 0 where a figure has none, such as bytes on disk.
    """

    variant: str
    digest: str
    name: str
    value: float
    spread: float = 0.0
