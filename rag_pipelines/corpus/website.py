"""A website crawled into pages: the crawling process and the extraction side by side.

Knows how bodies flow from the one to the other. What is visited is decided in `crawl`, what a
page's absence means in `ledger`, what a page reads like in `extract`.
"""

import time
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from rag_pipelines.corpus.crawl_frames import Body, Job, Known, Site, Visit
from rag_pipelines.corpus.crawl_text import read_text
from rag_pipelines.corpus.extract import Extracted
from rag_pipelines.corpus.extraction_pool import ExtractFailure, ExtractionPool
from rag_pipelines.corpus.ledger import Ledger, Reading, is_read
from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.corpus.spider_process import SpiderProcess
from rag_pipelines.corpus.urls import canonical
from rag_pipelines.errors import ConfigError
from rag_pipelines.records import Outcome, Progress, no_progress
from rag_pipelines.sources import Website
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.fetch import FetchLimits


def scrape_website(
    source: str,
    website: Website,
    previous: Scrape | None,
    blobs: Blobs,
    denied: Collection[str] = (),
    progress: Progress = no_progress,
    timeouts: FetchLimits | None = None,
) -> Scrape:
    """What a website says now, with only what changed since `previous` parsed.

    A site that cannot be reached gives failed rows in the ledger, not an exception. Of `timeouts`
    only the times count; sizes are the website's.

    Raises:
        ConfigError: a start URL that no crawl can begin at.
    """
    started = time.monotonic()
    ledger = Ledger(source, previous, website.miss_limit)
    _refuse_unusable(source, website)
    known = {url: seen for url, seen in ledger.known().items() if blobs.has(seen.snapshot)}
    with ExitStack() as stack:
        intake = Intake(stack, blobs, progress)
        if previous is None:
            intake.pool()  # its processes start while the crawl does
        visits = _crawl(
            _job(website, blobs, known, denied, timeouts or FetchLimits()), intake, blobs
        )
        readings = intake.read(ledger.must_read(visits))
        readings = intake.read(ledger.copies_to_read(visits, readings))
    entries = ledger.entries(visits, readings)
    pages = ledger.pages(entries, readings)
    return ledger.scrape(entries, pages, intake.parsed, time.monotonic() - started)


def _refuse_unusable(source: str, website: Website) -> None:
    for url in website.start_urls:
        if canonical(url) is None:
            raise ConfigError(
                f"sources.{source}.website.start_urls: {url!r} is not a URL that a crawl "
                "can begin at; give an http or https URL with a host."
            )


def _job(
    website: Website,
    blobs: Blobs,
    known: dict[str, Known],
    denied: Collection[str],
    timeouts: FetchLimits,
) -> Job:
    return Job(
        Site.of(website),
        blobs.root,
        known,
        tuple(sorted(denied)),
        timeouts.connect_timeout,
        timeouts.read_timeout,
        timeouts.total_timeout,
    )


def _crawl(job: Job, intake: "Intake", blobs: Blobs) -> list[Visit]:
    """The last verdict on every URL, in breadth-first order."""
    visits: dict[str, Visit] = {}
    with SpiderProcess(job, blobs) as spider:
        for message in spider:
            if isinstance(message, Body):
                intake.take(message)
            else:
                visits[message.url] = message
        problem = spider.problem()
    if problem:
        for url in filter(None, map(canonical, job.site.start_urls)):
            broken = Visit(url, Outcome.FAILED, "crawler", problem, transient=True)
            visits.setdefault(url, broken)
    return sorted(visits.values(), key=lambda visit: (visit.depth, visit.url))


@dataclass
class Intake:
    """Bodies on their way through extraction. A text that was seen before waits for the verdict.

    Where nothing changed there is nothing to read, and no extraction process is started.
    """

    stack: ExitStack
    blobs: Blobs
    progress: Progress
    parsed: int = 0
    _texts: set[str] = field(default_factory=set[str])
    _submitted: set[str] = field(default_factory=set[str])
    _readings: dict[str, Reading] = field(default_factory=dict[str, Reading])
    _fetched: int = 0
    _pool: ExtractionPool | None = None

    def pool(self) -> ExtractionPool:
        """The extraction processes, started when they are first wanted."""
        if self._pool is None:
            self._pool = self.stack.enter_context(ExtractionPool())
        return self._pool

    def take(self, body: Body) -> None:
        """Start to read a body before the crawl has decided on it."""
        self._fetched += 1
        self.progress("crawl", self._fetched, None)
        if is_read(body.content_type) and body.text not in self._texts:
            self._texts.add(body.text)
            self._submit(body)
        if self._pool is not None:
            self._collect(self._pool.finished())

    def read(self, visits: Iterable[Visit]) -> dict[str, Reading]:
        """Read what the verdict asks for and is not read yet; all readings so far."""
        for visit in visits:
            if visit.url not in self._submitted:
                self._submit(visit)
        if self._pool is not None:
            self._collect(self._pool.drain())
        return self._readings

    def _submit(self, body: Body | Visit) -> None:
        self.parsed += 1
        self._submitted.add(body.url)
        data, charset = self.blobs.get(body.snapshot), body.charset or None
        if body.content_type.startswith("text/") and body.content_type != "text/html":
            self._readings[body.url] = Reading(read_text(data, body.url, charset))
        else:
            self.pool().submit(body.url, data, body.url, charset)

    def _collect(self, results: Iterable[tuple[str, Extracted | ExtractFailure]]) -> None:
        for url, result in results:
            if isinstance(result, ExtractFailure):
                self._readings[url] = Reading(None, f"{result.reason}: {result.detail}"[:500])
            else:
                self._readings[url] = Reading(result)
            self.progress("extract", len(self._readings), len(self._submitted))
