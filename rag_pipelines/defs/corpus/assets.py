"""Assets of the corpus: what each source says now. The work is done in rag_pipelines.corpus."""

from typing import Any

import dagster as dg

from rag_pipelines.corpus.chunking import chunk_pages, splitter_for
from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.corpus.sources import scrape_source
from rag_pipelines.lib.io_manager import data_version
from rag_pipelines.lib.metadata import columns, counts, histogram, sample
from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.progress import both, logged
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.scrapes import keep_ledger, previous_scrape
from rag_pipelines.lib.versions import VERSION
from rag_pipelines.records import Chunk, Page


class ScrapeConfig(dg.Config):
    """What a person may say of one refresh."""

    accept_shrink: bool = False
    """Publish although most of the source's pages are gone, this once."""


@dg.asset(
    partitions_def=SOURCES,
    group_name="corpus",
    owners=["team:corpus"],
    kinds={"scrapy", "python"},
    code_version="1",
    pool="crawl",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL),
    metadata={"dagster/column_schema": columns(Page)},
)
def scraped_pages(
    context: dg.AssetExecutionContext, config: ScrapeConfig, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[Page]]:
    """Main text of a source's pages, as Markdown, with a ledger row for every URL."""
    name = context.partition_key
    previous = previous_scrape(context.instance, project.tables, name, context.run_id)
    progress = both(project.progress, logged(context.log.info))
    found = scrape_source(
        name, project.source(name), previous, project.blobs, project.denied, progress
    )
    ledger_version = keep_ledger(project.tables, name, found.ledger)
    described = _of_pages(found) | {"ledger_version": ledger_version}
    described["accept_shrink"] = config.accept_shrink
    described["previous_pages"] = len(previous.pages) if previous else 0
    return versioned(found.pages, described)


@dg.asset(
    partitions_def=SOURCES,
    group_name="corpus",
    owners=["team:corpus"],
    kinds={"python"},
    code_version="1",
    metadata={"dagster/column_schema": columns(Chunk)},
)
def chunks(
    context: dg.AssetExecutionContext,
    scraped_pages: list[Page],
    project: dg.ResourceParam[Project],
) -> dg.MaterializeResult[list[Chunk]]:
    """Passages of a source's pages, small enough for the embedder."""
    chunking, embedder = project.source(context.partition_key).chunking, project.embedder
    splitter = splitter_for(chunking, embedder)
    cut = chunk_pages(scraped_pages, splitter)
    limit = min(chunking.max_tokens, embedder.max_tokens)
    project.progress("chunks", len(cut), len(cut))
    return versioned(cut, _of_chunks(cut, limit) | {"token_limit": limit})


def versioned(value: Any, metadata: dict[str, Any]) -> dg.MaterializeResult[Any]:
    """A value under its data version, with what a person would look at."""
    version = data_version(value)
    return dg.MaterializeResult(
        value=value,
        data_version=dg.DataVersion(version),
        metadata=metadata | {VERSION: version},
    )


def _of_pages(found: Scrape) -> dict[str, Any]:
    figures = found.counts
    return {
        "dagster/row_count": len(found.pages),
        "discovered": figures.discovered,
        "parsed": figures.parsed,
        "new": figures.new,
        "changed": figures.changed,
        "unchanged": figures.unchanged,
        "gone": figures.removed,
        "failed": figures.failed,
        "refused": sum(figures.refused.values()),
        "refused_by_reason": counts(figures.refused),
        "bytes": figures.bytes,
        "seconds": round(figures.seconds, 2),
        "sample": sample([{"url": p.url, "title": p.title, "text": p.text} for p in found.pages]),
    }


def _of_chunks(cut: list[Chunk], limit: int) -> dict[str, Any]:
    tokens = sorted(chunk.tokens for chunk in cut) or [0]
    return {
        "dagster/row_count": len(cut),
        "tokens_p50": tokens[len(tokens) // 2],
        "tokens_p95": tokens[int(len(tokens) * 0.95)],
        "lengths": histogram(tokens, "tokens a chunk", limit),
        "sample": sample(
            [{"url": c.url, "heading": c.heading, "tokens": c.tokens, "text": c.text} for c in cut]
        ),
    }
