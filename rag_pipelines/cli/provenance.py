"""What the sources know of a URL, out of their last good versions."""

from dataclasses import asdict
from typing import Any

import dagster as dg

from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.scrapes import previous_scrape
from rag_pipelines.lib.versions import last_good


def known_of(project: Project, url: str) -> list[dict[str, Any]]:
    """Ledger row, page and run of every source that knows the URL."""
    with instance_of(project.settings) as instance:
        found = [_in_source(instance, project, name, url) for name in project.sources]
    return [entry for entry in found if entry]


def _in_source(
    instance: dg.DagsterInstance, project: Project, name: str, url: str
) -> dict[str, Any] | None:
    """What one source knows of the URL; None where it knows nothing."""
    scrape = previous_scrape(instance, project.tables, name)
    rows = [entry for entry in scrape.ledger if entry.url == url] if scrape else []
    if not rows or scrape is None:
        return None
    pages = [page for page in scrape.pages if page.url == url]
    good = last_good(instance, "scraped_pages", name)
    return {
        "source": name,
        "ledger": asdict(rows[0]),
        "page": {"title": pages[0].title, "characters": len(pages[0].text)} if pages else None,
        "run_id": good.run_id if good else None,
    }
