"""Stage `crawl`: crawl and extraction alone, from the crawling process's start to the last text."""

import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import site
from benchmarks.context import SOURCE, Context


def run(context: Context) -> dict[str, Any]:
    from rag_pipelines.corpus.website import scrape_website
    from rag_pipelines.sources import Website
    from rag_pipelines.storage.blobs import Blobs

    website = Website.model_validate(context.website)
    with TemporaryDirectory(dir=context.work) as blobs:
        before = _cpu_seconds()
        began = time.monotonic()
        scrape = scrape_website(SOURCE, website, None, Blobs(blobs))
        seconds = time.monotonic() - began
        own, children = (now - then for now, then in zip(_cpu_seconds(), before, strict=True))
    copies = [e.url for e in scrape.ledger if e.reason == "same_content_as"]
    missing = site.lost(Path(context.folder), [page.url for page in scrape.pages] + copies)
    return {
        "pages": len(scrape.pages),
        "lost": len(missing),
        "lost_pages": missing[:20],
        "discovered": scrape.counts.discovered,
        "failed": scrape.counts.failed,
        "refused": scrape.counts.refused,
        "seconds": round(seconds, 2),
        "pages_per_second": round(len(scrape.pages) / seconds, 1),
        "cpu_seconds_here": round(own, 1),
        "cpu_seconds_in_crawler_and_extraction": round(children, 1),
    }


def _cpu_seconds() -> tuple[float, float]:
    """Processor seconds of this process, and of those that it has waited for."""
    self, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return self.ru_utime + self.ru_stime, children.ru_utime + children.ru_stime
