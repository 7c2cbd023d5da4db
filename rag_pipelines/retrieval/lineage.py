"""Where a passage comes from: its page or file, and the fetch and the run that brought it.

Knows the tables of the sources and which of their versions to look into. Does not know which those
are now, which Dagster's event log tells (`lib.origins`), nor who asks.
"""

from dataclasses import dataclass
from hashlib import sha256

from rag_pipelines.records import DocumentFile, LedgerEntry, Page
from rag_pipelines.retrieval.manifest import Origin
from rag_pipelines.storage.tables import Record, Tables

PAGES = "scraped_pages"
LEDGER = "ledger"
DOCUMENTS = "documents"
"""Names of the tables that are looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSnapshot:
    """A page as it is stored. `snapshot` is the SHA-256 of the bytes that were fetched.

    `text_sha256` is that of the text that was made of them, which chunks are cut from.
    """

    title: str
    characters: int
    snapshot: str
    text_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a source knows of a URL: its ledger row, page and file, and the run that made them."""

    source: str
    ledger: LedgerEntry | None
    page: PageSnapshot | None
    document: DocumentFile | None
    run_id: str


def known_of(tables: Tables, source: str, origin: Origin, url: str) -> Known | None:
    """What these versions of a source know of a URL; None where that is nothing."""
    rows = _of(tables, LEDGER, source, origin.ledger, url, LedgerEntry)
    files = _of(tables, DOCUMENTS, source, origin.documents, url, DocumentFile)
    if not rows and not files:
        return None
    pages = _of(tables, PAGES, source, origin.pages, url, Page)
    return Known(
        source=source,
        ledger=rows[0] if rows else None,
        page=_snapshot(pages[0]) if pages else None,
        document=files[0] if files else None,
        run_id=origin.pages_run if rows else origin.documents_run,
    )


def _of(
    tables: Tables, key: str, source: str, version: str, url: str, record: type[Record]
) -> list[Record]:
    """The rows of a URL; none where the version is unknown, or not stored any more."""
    if not version:
        return []
    try:
        return tables.of_url(key, source, version, url, record)
    except FileNotFoundError:
        return []


def _snapshot(page: Page) -> PageSnapshot:
    return PageSnapshot(
        title=page.title,
        characters=len(page.text),
        snapshot=page.snapshot,
        text_sha256=sha256(page.text.encode()).hexdigest(),
    )
