"""What the crawling process is told, what it tells, and how both travel through a pipe.

A frame is a line of JSON and the bytes that the line announces. No crawling here.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import IO, TYPE_CHECKING, Any

from rag_pipelines.records import Outcome

if TYPE_CHECKING:
    from rag_pipelines.sources import Website


@dataclass(frozen=True, slots=True)
class Known:
    """What the last crawl kept of a URL; `snapshot` is in the blob store."""

    etag: str = ""
    last_modified: str = ""
    snapshot: str = ""
    content_type: str = ""
    charset: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the crawling process must know of a `Website`; the fields mean what they mean there.

    A class of its own, so that the process starts without what reads and checks `sources.yaml`.
    """

    start_urls: Sequence[str]
    max_depth: int
    max_pages: int
    max_bytes: int
    max_seconds: float
    max_page_bytes: int
    include: Sequence[str]
    exclude: Sequence[str]
    allow_private_hosts: Sequence[str]
    sitemaps: bool
    delay: float
    concurrency: int
    contact: str

    @classmethod
    def of(cls, website: "Website") -> "Site":
        """The site that an entry of `sources.yaml` names."""
        return cls(**{field.name: getattr(website, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class Job:
    """A crawl to do: the site, where blobs lie, what is known, and what is denied.

    The timeouts are those of `storage.fetch.FetchLimits`, in seconds.
    """

    site: Site
    blobs: str
    known: dict[str, Known] = field(default_factory=dict[str, Known])
    denied: tuple[str, ...] = ()
    connect_timeout: float = 10
    read_timeout: float = 20
    total_timeout: float = 60

    def write(self, stream: IO[bytes]) -> None:
        """Send the job and close the stream."""
        with stream:
            stream.write(json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, stream: IO[bytes]) -> "Job":
        """Receive a job until the stream ends."""
        told = json.loads(stream.read())
        told["site"] = Site(**told["site"])
        told["known"] = {url: Known(**known) for url, known in told["known"].items()}
        told["denied"] = tuple(told["denied"])
        return cls(**told)


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it came, before it is decided whether its URL is a page of the source.

    `text` is a digest of all that it shows: equal texts need not be extracted twice.
    """

    url: str
    snapshot: str
    content_type: str
    charset: str
    text: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of a URL; a later visit of the same URL replaces an earlier one.

    The fields are `LedgerEntry`'s; `transient` says that the page may well still be there, and
    `text` is `Body.text`.
    """

    url: str
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    status: int | None = None
    content_type: str = ""
    charset: str = ""
    size: int = 0
    etag: str = ""
    last_modified: str = ""
    snapshot: str = ""
    depth: int = 0
    found_on: str = ""
    fetched_at: str = ""
    transient: bool = False
    text: str = ""


Message = Body | Visit
_FIELDS = {kind: [field.name for field in fields(kind)] for kind in (Body, Visit)}


def write_frame(stream: IO[bytes], message: Message, body: bytes = b"") -> None:
    """Send a message and the bytes that belong to it."""
    told = {name: getattr(message, name) for name in _FIELDS[type(message)]}
    head = {"kind": type(message).__name__, "bytes": len(body), **told}
    stream.write(json.dumps(head).encode() + b"\n" + body)


def read_frames(stream: IO[bytes]) -> Iterator[tuple[Message, bytes]]:
    """Receive messages until the stream ends; a frame that is cut short is left out."""
    for line in iter(stream.readline, b""):
        if not line.endswith(b"\n"):
            return
        head: dict[str, Any] = json.loads(line)
        kind, size = head.pop("kind"), head.pop("bytes")
        body = stream.read(size)
        if len(body) < size:
            return
        yield _message(kind, head), body


def _message(kind: str, fields: dict[str, Any]) -> Message:
    if kind == "Body":
        return Body(**fields)
    fields["outcome"] = Outcome(fields["outcome"])
    return Visit(**fields)
