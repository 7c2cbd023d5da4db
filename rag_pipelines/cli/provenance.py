"""What the sources know of a URL, out of their last good versions."""

from dataclasses import asdict
from typing import Any

import dagster as dg

from rag_pipelines.lib.documents import documents_of
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.scrapes import previous_scrape
from rag_pipelines.lib.versions import last_good


def known_of(project: Project, url: str) -> list[dict[str, Any]]:
    """Ledger row, page, file and run of every source that knows the URL."""
    with instance_of(project.settings) as instance:
        found = [_in_source(instance, project, name, url) for name in project.sources]
    return [entry for entry in found if entry]


def _in_source(
    instance: dg.DagsterInstance, project: Project, name: str, url: str
) -> dict[str, Any] | None:
    """What one source knows of the URL; None where it knows nothing."""
    scrape = previous_scrape(instance, project.tables, name)
    read = last_good(instance, "pdf_elements", name)
    rows = [entry for entry in scrape.ledger if entry.url == url] if scrape else []
    files = [file for file in documents_of(project.tables, name, read) if file.url == url]
    if not rows and not files:
        return None
    pages = [page for page in scrape.pages if page.url == url] if scrape else []
    made = last_good(instance, "scraped_pages", name) if rows else read
    return {
        "source": name,
        "ledger": asdict(rows[0]) if rows else None,
        "page": {"title": pages[0].title, "characters": len(pages[0].text)} if pages else None,
        "document": asdict(files[0]) if files else None,
        "run_id": made.run_id if made else None,
    }
