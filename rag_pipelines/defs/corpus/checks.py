"""What must hold of a source's pages and chunks before anything is made of them."""

from collections import Counter
from datetime import UTC, datetime

import dagster as dg
from croniter import croniter

from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import last_good, to_read
from rag_pipelines.records import Chunk, Page

_ERROR_RATE = 0.2


def _said(context: dg.AssetCheckExecutionContext) -> dict[str, int]:
    """What the asset told of the version that is being checked."""
    run_id = context.run.run_id
    version = to_read(context.instance, "scraped_pages", context.partition_key, run_id)
    return version.metadata if version else {}


@dg.asset_check(asset="scraped_pages", blocking=True, partitions_def=SOURCES)
def not_empty(scraped_pages: list[Page]) -> dg.AssetCheckResult:
    """A source without a single page is a fault of the source or its address, never content."""
    return dg.AssetCheckResult(passed=bool(scraped_pages), metadata={"pages": len(scraped_pages)})


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
    additional_ins={"scraped_pages": dg.AssetIn("scraped_pages")},
)
def every_page_covered(chunks: list[Chunk], scraped_pages: list[Page]) -> dg.AssetCheckResult:
    """A page with text and no chunk can never be found."""
    found = Counter(chunk.url for chunk in chunks)
    missing = [page.url for page in scraped_pages if page.text.strip() and not found[page.url]]
    return dg.AssetCheckResult(
        passed=not missing, metadata={"missing": len(missing), "sample": "\n".join(missing[:10])}
    )
