"""What must hold of a source's pages and chunks before anything is made of them."""

from datetime import UTC, datetime

import dagster as dg
from croniter import croniter

from rag_pipelines.documents.checks import uncovered
from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import last_good, told
from rag_pipelines.records import Chunk, DocumentTable, Element, Page

_ERROR_RATE = 0.2


def _said(context: dg.AssetCheckExecutionContext) -> dict[str, int]:
    """What the asset told of the version that is being checked."""
    return told(context.instance, "scraped_pages", context.partition_key, context.run.run_id)


@dg.asset_check(asset="scraped_pages", blocking=True, partitions_def=SOURCES)
def not_empty(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A source without a page or a PDF is a fault of the source or its address, never content.

    A source of files has no pages; `not_empty` of `pdf_elements` looks at its files.
    """
    said, kind = _said(context), project.source(context.partition_key).kind
    found = said.get("dagster/row_count", 0) + said.get("pdfs", 0)
    return dg.AssetCheckResult(
        passed=bool(found) or kind == "documents", metadata={"kind": kind, "found": found}
    )


@dg.asset_check(asset="scraped_pages", blocking=True, partitions_def=SOURCES)
def error_rate(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """When many URLs fail, the crawl saw a broken site, and what it found is not the site."""
    said = _said(context)
    tried = said.get("failed", 0) + said.get("dagster/row_count", 0)
    rate = said.get("failed", 0) / max(1, tried)
    return dg.AssetCheckResult(
        passed=rate <= _ERROR_RATE, metadata={"rate": rate, "limit": _ERROR_RATE}
    )


@dg.asset_check(asset="scraped_pages", blocking=True, partitions_def=SOURCES)
def size_against_last(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A site that loses most of its pages at once is more often broken than rewritten."""
    said, limit = _said(context), project.source(context.partition_key).shrink_limit
    before, now = said.get("previous_pages", 0), said.get("dagster/row_count", 0)
    lost = max(0.0, 1 - now / before) if before else 0.0
    accepted = bool(said.get("accept_shrink"))
    return dg.AssetCheckResult(
        passed=lost <= limit or accepted,
        metadata={"before": before, "now": now, "lost": lost, "limit": limit},
        description=None
        if lost <= limit
        else f"{before} pages became {now}. If that is meant: rag ingest "
        f"{context.partition_key} --accept-shrink",
    )


@dg.asset_check(asset="scraped_pages", partitions_def=SOURCES)
def source_is_fresh(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A schedule that stopped firing leaves answers that are out of date."""
    cron = project.source(context.partition_key).schedule
    good = last_good(context.instance, "scraped_pages", context.partition_key)
    if cron is None or good is None:
        return dg.AssetCheckResult(passed=True, metadata={"schedule": cron or "none"})
    now = datetime.now(UTC)
    due = croniter(cron, croniter(cron, now).get_prev(datetime)).get_prev(datetime)
    age = now.timestamp() - good.timestamp
    return dg.AssetCheckResult(
        passed=good.timestamp >= due.timestamp(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"schedule": cron, "age_hours": age / 3600},
    )


@dg.asset_check(asset="chunks", blocking=True, partitions_def=SOURCES)
def ids_unique(chunks: list[Chunk]) -> dg.AssetCheckResult:
    """Two rows under one id would overwrite each other in the index."""
    repeated = len(chunks) - len({chunk.id for chunk in chunks})
    return dg.AssetCheckResult(passed=not repeated, metadata={"repeated": repeated})


@dg.asset_check(asset="chunks", blocking=True, partitions_def=SOURCES)
def within_token_limit(
    chunks: list[Chunk], project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """The embedder cuts what is too long without a word, and the rest can't be found."""
    limit = project.embedder.max_tokens
    longest = max((chunk.tokens for chunk in chunks), default=0)
    return dg.AssetCheckResult(
        passed=longest <= limit, metadata={"longest": longest, "limit": limit}
    )


@dg.asset_check(
    asset="chunks",
    blocking=True,
    partitions_def=SOURCES,
    additional_ins={
        name: dg.AssetIn(name) for name in ("scraped_pages", "pdf_elements", "table_html")
    },
)
def every_page_covered(
    chunks: list[Chunk],
    scraped_pages: list[Page],
    pdf_elements: list[Element],
    table_html: list[DocumentTable],
) -> dg.AssetCheckResult:
    """A page with text, of the web or of a file, that has no chunk can never be found."""
    missing = uncovered(chunks, scraped_pages, pdf_elements, table_html)
    places = [f"{url}, page {page}" if page else url for url, page in missing[:10]]
    return dg.AssetCheckResult(
        passed=not missing, metadata={"missing": len(missing), "sample": "\n".join(places)}
    )
