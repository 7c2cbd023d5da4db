"""The crawling process: `python -m rag_pipelines.corpus.spider`, a job in, frames out.

Scrapy gives the process its event loop and its downloader. What it does by itself about redirects,
cookies, robots.txt, retries and compression is off, because the guarded fetch and the crawl do
it. Nothing but this process imports Scrapy.
"""

import os
import resource
import sys
import traceback
from collections.abc import AsyncIterator, Mapping
from importlib import metadata
from typing import Any, BinaryIO

from scrapy import Request, Spider
from scrapy.core.downloader.handlers.base import BaseDownloadHandler
from scrapy.crawler import AsyncCrawlerProcess, Crawler
from scrapy.http import Response as ScrapyResponse

from rag_pipelines.corpus.crawl import Crawl
from rag_pipelines.corpus.crawl_frames import Body, Job, Visit, write_frame
from rag_pipelines.corpus.crawl_frontier import Budget, Frontier
from rag_pipelines.corpus.crawl_pacing import Pacing
from rag_pipelines.corpus.crawl_requests import Requests
from rag_pipelines.corpus.crawl_visit import Visitor
from rag_pipelines.corpus.robots import MAX_BYTES as ROBOTS_BYTES
from rag_pipelines.corpus.robots import PRODUCT_TOKEN
from rag_pipelines.corpus.sitemaps import MAX_BYTES as SITEMAP_BYTES
from rag_pipelines.corpus.urls import Scope, canonical, origin_of
from rag_pipelines.storage.addresses import AddressGuard
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.fetch import Fetcher, FetchLimits, Response

_SETTINGS: dict[str, Any] = {
    "DOWNLOAD_HANDLERS_BASE": {},
    "DOWNLOADER_MIDDLEWARES_BASE": {},
    "SPIDER_MIDDLEWARES_BASE": {},
    "EXTENSIONS_BASE": {},
    "ITEM_PIPELINES_BASE": {},
    "SPIDER_CONTRACTS_BASE": {},
    "ADDONS": {},
    "STATS_CLASS": "scrapy.statscollectors.DummyStatsCollector",
    "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
    "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
    "LOG_ENABLED": False,
    "LOG_INSTALL_ROOT_HANDLER": False,
    # Scrapy 2.19 starts all that waits for a slot at once when many requests come together, so
    # `Pacing` counts the requests under way.
    "DOWNLOAD_DELAY": 0,
    "CONCURRENT_REQUESTS": 0,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 10_000,
}

_MEMORY = 2 << 30
_CONNECTIONS = 256  # the crawl keeps its own count for each host


class GuardedResponse(ScrapyResponse):
    """A Scrapy response that carries the guarded fetch's own answer."""

    answer: Response


class GuardedHandler(BaseDownloadHandler):
    """Scrapy's way to the network: every request is a `Fetcher`'s, in its turn."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        spider = crawler.spider
        assert isinstance(spider, SiteSpider)  # noqa: S101
        self._pacing = spider.pacing
        self._pages, self._files = spider.fetchers()

    async def download_request(self, request: Request) -> GuardedResponse:
        """One answer; `follow` in the request's meta is for robots.txt and sitemaps."""
        url, follow = request.meta["url"], request.meta["follow"]
        fetcher = self._files if follow else self._pages
        async with self._pacing.turn(origin_of(url)):
            answer = await fetcher.fetch(url, request.meta["headers"], follow_redirects=follow)
        response = GuardedResponse(request.url, status=answer.status)
        response.answer = answer
        return response

    async def close(self) -> None:
        """Close all connections."""
        for fetcher in (self._pages, self._files):
            await fetcher.__aexit__(None, None, None)


class SiteSpider(Spider):
    """Runs one `Crawl`; its pages leave through `stream`, never through Scrapy's pipelines."""

    name = "site"

    def __init__(self, job: Job, stream: BinaryIO) -> None:
        super().__init__()
        self.job, self.stream = job, stream
        self.site = job.site
        self.pacing = Pacing(self.site.delay, self.site.max_seconds, self.site.concurrency)
        self.finished = False

    def fetchers(self) -> tuple[Fetcher, Fetcher]:
        """One for pages, and one for robots.txt and sitemaps, which may be larger."""
        guard = AddressGuard(self.site.allow_private_hosts)
        agent = user_agent(self.site.contact)
        sizes = (self.site.max_page_bytes, max(ROBOTS_BYTES, SITEMAP_BYTES))
        pages, files = (Fetcher(guard, self._limits(size), agent, _CONNECTIONS) for size in sizes)
        return pages, files

    def _limits(self, size: int) -> FetchLimits:
        return FetchLimits(
            max_bytes=size,
            connect_timeout=self.job.connect_timeout,
            read_timeout=self.job.read_timeout,
            total_timeout=self.job.total_timeout,
        )

    async def start(self) -> AsyncIterator[Request]:
        """The whole crawl: it asks the downloader itself, so the scheduler has nothing to do."""
        try:
            start_urls = [url for text in self.site.start_urls if (url := canonical(text))]
            await self.crawl(start_urls).run(start_urls, list(self.job.known))
            self.finished = True
        except Exception:
            traceback.print_exc()
        for request in ():
            yield request

    def crawl(self, start_urls: list[str]) -> Crawl:
        """Put the crawl's parts together."""
        site = self.site
        scope = Scope.of(start_urls, site.include, site.exclude)
        budget = Budget(site.max_depth, site.max_pages, site.max_bytes, site.max_page_bytes)
        denied = [url for text in self.job.denied if (url := canonical(text))]
        requests = Requests(self.download, self.pacing)
        return Crawl(
            frontier=Frontier(scope, budget, denied, self.emit),
            visitor=Visitor(requests, self.job.known, Blobs(self.job.blobs), self.emit),
            requests=requests,
            pacing=self.pacing,
            scope=scope,
            emit=self.emit,
            sitemaps=site.sitemaps,
        )

    async def download(self, url: str, headers: Mapping[str, str], follow: bool) -> Response:
        """One request through Scrapy's downloader."""
        # Scrapy may spell a URL in another way; the fetch takes ours.
        meta = {"url": url, "headers": headers, "follow": follow}
        assert self.crawler.engine is not None  # noqa: S101
        response = await self.crawler.engine.download_async(Request(url, meta=meta))
        assert isinstance(response, GuardedResponse)  # noqa: S101
        return response.answer

    def emit(self, message: Body | Visit, body: bytes = b"") -> None:
        """Tell the parent process."""
        write_frame(self.stream, message, body)


def user_agent(contact: str) -> str:
    """How we introduce ourselves; the product token comes first, as robots.txt names it."""
    try:
        version = metadata.version("rag_pipelines")
    except metadata.PackageNotFoundError:
        version = "0"
    return f"{PRODUCT_TOKEN}/{version} ({contact or 'a self-hosted crawler'})"


def main() -> int:
    """Crawl what standard input says; frames are all that goes to standard output."""
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))  # pages are parsed here as well
    stream = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)  # whatever a library prints must not land between the frames
    job = Job.read(sys.stdin.buffer)
    ours = {
        "DOWNLOAD_HANDLERS": {"http": GuardedHandler, "https": GuardedHandler},
    }
    process = AsyncCrawlerProcess({**_SETTINGS, **ours})
    crawler = process.create_crawler(SiteSpider)
    process.crawl(crawler, job=job, stream=stream)
    process.start()
    stream.close()
    spider = crawler.spider
    if isinstance(spider, SiteSpider) and spider.finished:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
