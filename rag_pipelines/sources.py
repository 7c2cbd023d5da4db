"""What `sources.yaml` and `golden.yaml` may say.

Knows the fields, their defaults and their bounds, and refuses here what Chroma, Dagster or the
disk would refuse later. Does not crawl, load or cut anything.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rag_pipelines.config.fields import (
    ENTITY_MODEL,
    ClassPath,
    Count,
    Cron,
    DocumentUrl,
    EntityModel,
    FileGlob,
    Glob,
    PrivateHost,
    Said,
    Seconds,
    Share,
    SourceName,
    WebUrl,
    default_delay,
)
from rag_pipelines.config.validation import validated
from rag_pipelines.config.yaml_lines import read_yaml

DEFAULT_SOURCES: Final = "sources.yaml"
DEFAULT_GOLDEN: Final = "golden.yaml"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Website(_Entry):
    """A site to crawl, and the budgets of one crawl."""

    start_urls: Annotated[tuple[WebUrl, ...], Field(min_length=1, max_length=1000)] = Field(
        description="Where the crawl begins; it stays on these hosts."
    )
    max_depth: Annotated[int, Strict(), Field(ge=0, le=10_000)] = Field(
        default=10, description="Links followed from a start URL."
    )
    max_pages: Count = Field(default=10_000, description="Pages kept.")
    include: tuple[Glob, ...] = Field(
        default=(), description="Only paths that match one of these; empty, all."
    )
    exclude: tuple[Glob, ...] = Field(default=(), description="No path that matches one of these.")
    allow_private_hosts: tuple[PrivateHost, ...] = Field(
        default=(), description="Private hosts that may be reached: host, host:port or network."
    )
    sitemaps: Annotated[bool, Strict()] = Field(default=True, description="Read sitemaps as well.")
    max_bytes: Count = Field(default=2_000_000_000, description="Bytes of one crawl.")
    max_seconds: Annotated[Seconds, Field(gt=0)] = Field(
        default=7_200.0, description="Seconds of one crawl."
    )
    max_page_bytes: Count = Field(
        default=10_000_000, description="Bytes of one page, after decompression."
    )
    delay: Seconds = Field(
        default_factory=default_delay,
        description="Seconds between two requests to a host; default 0.25, on this machine 0. "
        "A longer Crawl-delay of robots.txt is kept.",
    )
    concurrency: Annotated[int, Strict(), Field(ge=1, le=256)] = Field(
        default=8, description="Requests to a host at a time."
    )
    contact: Annotated[str, Field(max_length=200, pattern=r"^[\x20-\x7e]*$")] = Field(
        default="", description="Address or URL in the user agent, for the site's owner."
    )
    miss_limit: Annotated[int, Strict(), Field(ge=1, le=1000)] = Field(
        default=3, description="Crawls in a row that may miss a page (403, 5xx) before it goes."
    )


class Loader(_Entry):
    """A LangChain document loader, by class path."""

    class_path: ClassPath = Field(alias="class", description="The loader's class.")
    args: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="Its arguments; a text that begins with ./ or ../ is relative to the file.",
    )
    max_pages: Count = Field(default=10_000, description="Documents kept.")
    max_bytes: Count = Field(default=2_000_000_000, description="Bytes of text kept.")
    max_seconds: Annotated[Seconds, Field(gt=0)] = Field(
        default=3_600.0, description="Seconds of one load."
    )

    @field_validator("args")
    @classmethod
    def _beside_the_file(
        cls, args: dict[str, JsonValue], info: ValidationInfo
    ) -> dict[str, JsonValue]:
        context = cast("dict[str, Path]", info.context or {})
        base = context.get("base", Path())
        return {name: _resolved(value, base) for name, value in args.items()}


class Documents(_Entry):
    """Files of this machine, how they are read, and the budgets of reading one."""

    paths: Annotated[tuple[FileGlob, ...], Field(min_length=1, max_length=1000)] = Field(
        description="Files and globs (**, *, ?), relative to the file."
    )
    parser: Literal["local", "llama_parse"] = Field(
        default="local", description="local, or llama_parse: the cloud service, which sees them."
    )
    tier: Literal["fast", "cost_effective", "agentic", "agentic_plus"] = Field(
        default="cost_effective", description="Tier of llama_parse; it sets the cost of a page."
    )
    ocr: Literal["auto", "never"] = Field(
        default="auto", description="auto reads pages that are only an image; never leaves them."
    )
    max_files: Count = Field(default=10_000, description="Files kept.")
    max_file_bytes: Count = Field(default=200_000_000, description="Bytes of one file.")
    max_pages: Count = Field(default=2_000, description="Pages of one file.")
    max_seconds: Annotated[Seconds, Field(gt=0)] = Field(
        default=600.0, description="Seconds that reading one file may take."
    )
    max_memory_bytes: Annotated[int, Strict(), Field(ge=256_000_000, le=10**12)] = Field(
        default=3_000_000_000, description="Address space that reading one file may take."
    )
    _base: Path = PrivateAttr(default=Path())

    def model_post_init(self, context: Any, /) -> None:
        """Keep where the file lies that the globs are relative to."""
        self._base = cast("dict[str, Path]", context or {}).get("base", Path())

    @property
    def budget(self) -> str:
        """Names the limits of reading one file: what failed within them would fail so again."""
        return f"{self.max_pages} pages, {self.max_seconds} s, {self.max_memory_bytes} bytes"

    @property
    def base(self) -> Path:
        """Folder of `sources.yaml`: globs are relative to it, and so are `file:` URLs."""
        return self._base


class Enrichment(_Entry):
    """What is found out about passages beyond their text, for filters to use."""

    entities: EntityModel | None = Field(
        default=None,
        description="Named entities: true, false or a spaCy pipeline by name; true for "
        "documents unless said, false for the rest (about 0.1 CPU seconds a page).",
    )


class Chunking(_Entry):
    """How pages are cut."""

    strategy: Literal["by_title", "by_page", "by_similarity"] = Field(
        default="by_title",
        description="Cut at headings, at page breaks, or where the subject changes; then finer.",
    )
    max_tokens: Annotated[int, Strict(), Field(ge=16, le=8192)] = Field(
        default=256, description="Longest chunk in the embedder's tokens; its own limit caps it."
    )


class Source(_Entry):
    """One entry of `sources.yaml`: where its pages come from, when, and how they are cut."""

    website: Website | None = Field(default=None, description="A site to crawl.")
    documents: Documents | None = Field(default=None, description="Files of this machine.")
    loader: Loader | None = Field(default=None, description="A LangChain document loader.")
    schedule: Cron | None = Field(default=None, description="When it is refreshed: a cron line.")
    chunking: Chunking = Field(default_factory=Chunking, description="How its pages are cut.")
    enrichment: Enrichment = Field(
        default_factory=Enrichment, description="What is found out about its passages."
    )
    shrink_limit: Share = Field(
        default=0.5,
        description="Share of pages, or of files, that may be gone before the refresh is blocked.",
    )

    @field_validator("website", "documents", "loader", mode="before")
    @classmethod
    def _not_blank(cls, value: object) -> object:
        if value is None:
            raise ValueError("a mapping")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.website, self.documents, self.loader)) != 1:
            raise ValueError("exactly one of website, documents and loader")
        return self

    @property
    def kind(self) -> Literal["website", "documents", "loader"]:
        """Which of the three it is."""
        if self.documents:
            return "documents"
        return "website" if self.website else "loader"

    @property
    def entity_model(self) -> str:
        """The spaCy pipeline that finds named entities; empty where none is to."""
        chosen = self.enrichment.entities
        if chosen is None:
            return ENTITY_MODEL if self.documents else ""
        return chosen


class _SourcesFile(_Entry):
    sources: dict[SourceName, Source]


class Expected(_Entry):
    """A page or a file that must be found, with words that must stand in what was found of it."""

    url: DocumentUrl = Field(
        description="The page's address, or file: and a path relative to sources.yaml."
    )
    page: Annotated[int, Strict(), Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Page of the file, from 1, on which it must be found."
    )
    quote: Annotated[str, Field(max_length=2000)] = Field(
        default="", description="Words of the page; without them the URL alone is enough."
    )


class GoldenQuestion(_Entry):
    """A question that every release is held to."""

    question: Said
    expect: tuple[Expected, ...] = ()
    answerable: Annotated[bool, Strict()] = True

    @model_validator(mode="after")
    def _has_an_expectation(self) -> Self:
        if self.answerable and not self.expect:
            raise ValueError("expect with at least one url and quote, or answerable: false")
        if not self.answerable and self.expect:
            raise ValueError("no expect where answerable is false")
        return self


def load_sources(path: Path) -> dict[str, Source]:
    """The sources by name, in the file's order; none where the default file is not there.

    Raises `ConfigError` with `file:line` for every mistake.
    """
    if _absent(path, DEFAULT_SOURCES):
        return {}
    context = {"base": path.absolute().parent}
    return dict(validated(read_yaml(path), _SourcesFile, context).sources)


def load_golden(path: Path) -> list[GoldenQuestion]:
    """The golden questions in the file's order; none where the default file is not there.

    Raises `ConfigError` with `file:line` for every mistake.
    """
    if _absent(path, DEFAULT_GOLDEN):
        return []
    document = read_yaml(path)
    questions = validated(document, tuple[GoldenQuestion, ...], {})
    return list(questions)


def _absent(path: Path, default: str) -> bool:
    """A file named by a person must exist, and `settings` has held it to that."""
    return path.name == default and not path.exists()


def _resolved(value: JsonValue, base: Path) -> JsonValue:
    match value:
        case str() if value.startswith(("./", "../")):
            return str((base / value).resolve())
        case list():
            return [_resolved(item, base) for item in value]
        case dict():
            return {name: _resolved(item, base) for name, item in value.items()}
        case _:
            return value
