"""What goes over HTTP, typed and bounded. Nothing here decides anything."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from rag_pipelines.records import Citation, Hit
from rag_pipelines.retrieval import rows

MAX_QUESTION = 4_000
MAX_RESULTS = 50
MAX_SOURCES = 100


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("must not hold NUL characters or lone surrogates")
    return text


_WITHOUT_NUL = r"^[^\u0000]*$"
# Whoever reads the schema counts other characters as white space: these are anybody's.
_SAYING = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085\ufeff][^\u0000]*$"


def _not_blank(text: str) -> str:
    if not re.match(_SAYING, text):
        raise ValueError("must not be blank")
    return text


Plain = Annotated[
    str, AfterValidator(_storable), Field(json_schema_extra={"pattern": _WITHOUT_NUL})
]
Said = Annotated[Plain, AfterValidator(_not_blank), Field(json_schema_extra={"pattern": _SAYING})]
"""Text that is not blank."""
Asked = Annotated[Said, Field(min_length=1, max_length=MAX_QUESTION)]
SourceName = Annotated[Plain, Field(min_length=1, max_length=200)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Filters(BaseModel):
    """What a question may be answered from; empty means everything."""

    model_config = ConfigDict(extra="forbid")
    source: Annotated[list[SourceName], Field(max_length=MAX_SOURCES)] = []
    path_prefix: Annotated[Plain, Field(max_length=2_000)] = Field(
        default="", description="What the path of a cited page's URL begins with."
    )
    language: Annotated[str, Field(pattern=r"^([A-Za-z]{2,3})?$")] = Field(
        default="", description="ISO 639-1 code of the passages' language."
    )
    entity: Annotated[Plain, Field(max_length=200)] = Field(
        default="",
        description="A name or ISO date that the passages hold: Acme, ORG:Acme, 2024-03.",
    )

    def rows(self) -> rows.Filters:
        """As the retriever takes them."""
        return rows.Filters(
            sources=self.source,
            path_prefix=self.path_prefix,
            language=self.language,
            entity=self.entity.strip(),
        )


_EXAMPLE: Final[JsonDict] = {"question": "How long is the warranty?"}


class QuestionBody(BaseModel):
    """A question. Without `release` it is answered from what is being served."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [_EXAMPLE, {**_EXAMPLE, "stream": True}]},
    )
    question: Asked
    user_id: Annotated[Plain, Field(max_length=200)] | None = None
    session_id: Identifier | None = None
    stream: bool = Field(default=False, description="Tell the answer as server-sent events.")
    release: Annotated[str, Field(pattern=r"^v\d{6,12}-[0-9a-f]{12}$")] | None = None
    filters: Filters = Filters()


class UsageBody(BaseModel):
    """The prompt's tokens, and what found no room in it; counts are null where no model wrote."""

    context_tokens: int
    context_limit: int
    dropped_chunks: int
    dropped_turns: int
    prompt_tokens: int | None
    completion_tokens: int | None


class AnswerBody(BaseModel):
    """`grounded` is the share of sentences with support; `prompt` a digest of the templates.

    `history` tells whether the conversation keeps the answer.
    """

    answer: str
    answer_id: str
    session_id: str
    citations: list[Citation]
    release: str
    generation: int
    model: str
    prompt: str
    grounded: float
    abstained: bool
    usage: UsageBody
    history: Literal["stored", "failed", "off"]


class SearchResult(BaseModel):
    """A passage that was found."""

    rank: int
    score: float
    url: str
    title: str
    heading: str
    page: int | None
    text: str
    chunk_id: str
    source: str


class SearchBody(BaseModel):
    """The best passages of one release."""

    release: str
    results: list[SearchResult]


def search_body(release: str, hits: Sequence[Hit]) -> SearchBody:
    """What a search of this release found, as `GET /api/search` and `rag search` tell it."""
    return SearchBody(release=release, results=[_result(hit) for hit in hits])


def _result(hit: Hit) -> SearchResult:
    chunk = hit.chunk
    return SearchResult(
        rank=hit.rank,
        score=hit.score,
        url=chunk.url,
        title=chunk.title,
        heading=chunk.heading,
        page=chunk.page,
        text=chunk.text,
        chunk_id=chunk.id,
        source=chunk.source,
    )


class ModelBody(BaseModel):
    """A model by name and digest; the digest is empty where a server tells none."""

    name: str
    digest: str


class ReleaseBody(BaseModel):
    """What is served: the manifest, and since which move of the pointer.

    `generation` is 0 where the release stands in for one that failed to load. `challenger` answers
    `challenger_share` of the users.
    """

    model_config = ConfigDict(extra="allow")
    release: str
    sequence: int
    digest: str
    rows: int
    dimension: int
    embedder: str
    chunker: str
    sources: dict[str, str]
    ids_sha256: str
    metrics: dict[str, Any]
    run_id: str
    created_at: str
    generation: int
    model: ModelBody
    challenger: ModelBody | None = None
    challenger_share: float = 0.0


class LiveBody(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyBody(BaseModel):
    """Whether questions are answered, and what is wrong if not all is well."""

    status: Literal["ok", "degraded", "unready", "draining"]
    reason: str = ""
    release: str = ""
    generation: int = 0


class ErrorDetail(BaseModel):
    """What went wrong: a word for programs, a sentence for people."""

    type: str
    message: str


class ErrorBody(BaseModel):
    """Every answer with a status of 400 or more."""

    error: ErrorDetail
