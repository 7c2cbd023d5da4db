"""Shorthand of the crawl's tests: crawl a scripted site, look at the ledger."""

from pathlib import Path
from typing import Any

from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.corpus.website import scrape_website
from rag_pipelines.records import LedgerEntry
from rag_pipelines.sources import Website
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.fetch import FetchLimits
from rag_pipelines_tests.corpus.site import Site

QUICK = FetchLimits(connect_timeout=2, read_timeout=1, total_timeout=4)


def crawl(
    site: Site,
    folder: Path,
    previous: Scrape | None = None,
    denied: tuple[str, ...] = (),
    start: tuple[str, ...] = ("/",),
    **fields: Any,
) -> Scrape:
    """Crawl from these paths (or URLs) of a site, which alone may be reached."""
    urls = tuple(path if "://" in path else site.url(path) for path in start)
    settings: dict[str, Any] = {"allow_private_hosts": (site.authority,), "delay": 0.0, **fields}
    website = Website(start_urls=urls, **settings)
    blobs = Blobs(str(folder / "blobs"))
    return scrape_website("site", website, previous, blobs, denied, timeouts=QUICK)


def row(scrape: Scrape, url: str) -> LedgerEntry:
    """The ledger's row of a URL."""
    (found,) = [entry for entry in scrape.ledger if entry.url == url]
    return found


def verdict(scrape: Scrape, url: str) -> tuple[str, str]:
    """What became of a URL, and why."""
    entry = row(scrape, url)
    return str(entry.outcome), entry.reason


def page_paths(site: Site, scrape: Scrape) -> list[str]:
    return [page.url.removeprefix(site.url("")) for page in scrape.pages]
