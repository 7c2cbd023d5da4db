"""This crawl's verdicts held against the last: which pages stay, and what the ledger says.

Knows what a page's absence means and when a page has changed. Fetches and parses nothing: pages
that must be read are asked for, and come back as `Reading`s.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rag_pipelines.corpus.crawl_frames import Known, Visit
from rag_pipelines.corpus.crawl_visit import HTML, TEXT
from rag_pipelines.corpus.extract import EXTRACTOR_VERSION, Extracted
from rag_pipelines.corpus.fingerprint import content_hash
from rag_pipelines.corpus.scrape import Scrape, ScrapeCounts
from rag_pipelines.records import LedgerEntry, Outcome, Page

_KEPT = (Outcome.FETCHED, Outcome.NOT_MODIFIED)


@dataclass(frozen=True, slots=True)
class Reading:
    """What extraction made of a URL's body; `problem` says why there is nothing."""

    extracted: Extracted | None
    problem: str = ""


def is_read(content_type: str) -> bool:
    """Whether pages are made of this media type; other types are only stored."""
    return content_type in HTML or content_type in TEXT


@dataclass
class Ledger:
    """The last scrape, and what this one says against it."""

    source: str
    previous: Scrape | None
    miss_limit: int
    _pages: dict[str, Page] = field(init=False)
    _entries: dict[str, LedgerEntry] = field(init=False)

    def __post_init__(self) -> None:
        before = self.previous or Scrape([], [])
        self._pages = {page.url: page for page in before.pages}
        self._entries = {entry.url: entry for entry in before.ledger}

    @property
    def page_urls(self) -> list[str]:
        """The last scrape's pages."""
        return list(self._pages)

    def known(self) -> dict[str, Known]:
        """URLs whose bytes the last crawl kept."""
        return {
            url: Known(e.etag, e.last_modified, e.snapshot, e.content_type, e.charset)
            for url, e in self._entries.items()
            if e.snapshot
        }

    def must_read(self, visits: Iterable[Visit]) -> list[Visit]:
        """Pages of this crawl whose text is not known from the last."""
        return [
            v
            for v in visits
            if v.outcome in _KEPT and is_read(v.content_type) and not self._is_known(v)
        ]

    def _is_known(self, visit: Visit) -> bool:
        """Known by its content hash; a copy of another page has no text, but needs none either."""
        before = self._entries.get(visit.url)
        if (
            before is None
            or before.snapshot != visit.snapshot
            or before.extractor != EXTRACTOR_VERSION
        ):
            return False
        return bool(before.content_hash) and (
            visit.url in self._pages or before.reason in ("same_content_as", "empty")
        )

    def copies_to_read(
        self, visits: Iterable[Visit], readings: Mapping[str, Reading]
    ) -> list[Visit]:
        """Copies whose original left, so that they are pages now and their text is wanted."""
        if not self._entries:
            return []  # all that is kept has just been read
        entries = self.entries(visits, readings)
        by_url = {visit.url: visit for visit in visits}
        return [
            by_url[entry.url]
            for entry in entries
            if entry.outcome in _KEPT
            and is_read(entry.content_type)
            and entry.url not in self._pages
            and entry.url not in readings
        ]

    def entries(
        self, visits: Iterable[Visit], readings: Mapping[str, Reading]
    ) -> list[LedgerEntry]:
        """A row for every URL of this crawl, and of the last one's pages if the crawl broke off."""
        rows = [self._entry(visit, readings.get(visit.url)) for visit in visits]
        seen = {row.url for row in rows}
        missed = [url for url in self._pages if url not in seen]
        rows += [self._missed(self._lost(url)) for url in missed]
        return sorted(_without_copies(rows), key=lambda row: row.url)

    def _lost(self, url: str) -> LedgerEntry:
        detail = "the crawl broke off before it came here"
        return LedgerEntry(
            source=self.source, url=url, outcome=Outcome.FAILED, reason="crawler", detail=detail
        )

    def _entry(self, visit: Visit, reading: Reading | None) -> LedgerEntry:
        entry = LedgerEntry(
            source=self.source,
            url=visit.url,
            outcome=visit.outcome,
            reason=visit.reason,
            detail=visit.detail,
            status=visit.status,
            content_type=visit.content_type,
            charset=visit.charset,
            size=visit.size,
            etag=visit.etag,
            last_modified=visit.last_modified,
            snapshot=visit.snapshot,
            depth=visit.depth,
            found_on=visit.found_on,
            fetched_at=visit.fetched_at,
        )
        if visit.transient:
            return self._missed(entry)
        if visit.outcome not in _KEPT or not is_read(visit.content_type):
            return entry
        return self._read(entry, reading)

    def _read(self, entry: LedgerEntry, reading: Reading | None) -> LedgerEntry:
        entry = replace(entry, extractor=EXTRACTOR_VERSION)
        if reading is None:
            before = self._entries[entry.url]
            entry = replace(entry, content_hash=before.content_hash)
            if before.reason == "empty":
                return replace(entry, outcome=Outcome.REFUSED, reason="empty")
            return entry
        if reading.extracted is None:
            return self._missed(
                replace(entry, outcome=Outcome.FAILED, reason="extract", detail=reading.problem)
            )
        entry = replace(
            entry, content_hash=content_hash(reading.extracted.title, reading.extracted.text)
        )
        if not reading.extracted.text.strip():
            return replace(entry, outcome=Outcome.REFUSED, reason="empty")
        return entry

    def _missed(self, entry: LedgerEntry) -> LedgerEntry:
        """A page that was there before is given a few crawls to come back."""
        before = self._entries.get(entry.url)
        if before is None or not before.snapshot or before.misses >= self.miss_limit:
            return replace(entry, snapshot="", etag="", last_modified="")
        return replace(
            entry,
            misses=before.misses + 1,
            snapshot=before.snapshot,
            content_hash=before.content_hash,
            content_type=before.content_type,
            charset=before.charset,
            etag=before.etag,
            last_modified=before.last_modified,
            extractor=before.extractor,
        )

    def pages(self, entries: Iterable[LedgerEntry], readings: Mapping[str, Reading]) -> list[Page]:
        """The pages that the ledger's rows stand for, old ones where nothing changed."""
        return [page for entry in entries if (page := self._page(entry, readings.get(entry.url)))]

    def _page(self, entry: LedgerEntry, reading: Reading | None) -> Page | None:
        before = self._pages.get(entry.url)
        if entry.outcome not in _KEPT:
            return before if 0 < entry.misses < self.miss_limit else None
        if reading is None or reading.extracted is None:
            return before
        old = self._entries.get(entry.url)
        if (
            before
            and old
            and old.content_hash == entry.content_hash
            and old.extractor == EXTRACTOR_VERSION
        ):
            return before
        return self._new_page(entry, reading.extracted)

    def _new_page(self, entry: LedgerEntry, extracted: Extracted) -> Page:
        return Page(
            source=self.source,
            url=entry.url,
            title=extracted.title,
            text=extracted.text,
            language=extracted.language,
            published=extracted.published,
            snapshot=entry.snapshot,
        )

    def scrape(
        self, entries: list[LedgerEntry], pages: list[Page], parsed: int, seconds: float
    ) -> Scrape:
        """The result, counted."""
        now = {page.url: page for page in pages}
        both = now.keys() & self._pages.keys()
        changed = sum(now[url] != self._pages[url] for url in both)
        refused = Counter(e.reason for e in entries if e.outcome is Outcome.REFUSED)
        counts = ScrapeCounts(
            discovered=len(entries),
            pages=len(pages),
            parsed=parsed,
            new=len(now) - len(both),
            changed=changed,
            unchanged=len(both) - changed,
            removed=len(self._pages) - len(both),
            failed=sum(entry.outcome is Outcome.FAILED for entry in entries),
            refused=dict(sorted(refused.items())),
            bytes=sum(entry.size for entry in entries),
            seconds=seconds,
        )
        return Scrape(pages, entries, counts)


def _without_copies(rows: list[LedgerEntry]) -> list[LedgerEntry]:
    """Of pages that say the same, the one nearest to the start stays."""
    first: dict[str, str] = {}
    kept: list[LedgerEntry] = []
    for row in sorted(rows, key=lambda row: (row.depth, row.url)):
        if row.outcome in _KEPT and row.content_hash:
            original = first.setdefault(row.content_hash, row.url)
            if original != row.url:
                row = replace(
                    row, outcome=Outcome.REFUSED, reason="same_content_as", detail=original
                )
        kept.append(row)
    return kept
