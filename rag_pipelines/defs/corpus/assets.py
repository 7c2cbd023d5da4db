"""Assets of the corpus: what each source says now. The work is done in rag_pipelines.corpus."""

from collections import Counter
from typing import Any

import dagster as dg

from rag_pipelines.corpus.chunking import chunk_pages, splitter_for
from rag_pipelines.corpus.crawl_visit import PDF
from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.corpus.sources import scrape_source
from rag_pipelines.documents.chunking import chunk_documents
from rag_pipelines.documents.enrichment import with_entities
from rag_pipelines.documents.entities import VERSION as ENTITIES
from rag_pipelines.lib.corpus import ENTITY_MODEL, known_entities
from rag_pipelines.lib.io_manager import data_version
from rag_pipelines.lib.metadata import columns, counts, histogram, sample
from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.progress import both, logged
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.scrapes import keep_ledger, previous_scrape
from rag_pipelines.lib.versions import VERSION
from rag_pipelines.records import Chunk, DocumentTable, Element, Figure, Page


class RefreshConfig(dg.Config):
    """What a person may say of one refresh."""

    accept_shrink: bool = False
    """Publish although most of the source's pages or files are gone, this once."""


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
    context: dg.AssetExecutionContext, config: RefreshConfig, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[Page]]:
    """Main text of a source's pages, as Markdown, with a ledger row for every URL."""
    name = context.partition_key
    previous = previous_scrape(context.instance, project.tables, name, context.run.run_id)
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
    code_version="3",
    metadata={"dagster/column_schema": columns(Chunk)},
)
def chunks(
    context: dg.AssetExecutionContext,
    scraped_pages: list[Page],
    pdf_elements: list[Element],
    table_html: list[DocumentTable],
    image_captions: list[Figure],
    project: dg.ResourceParam[Project],
) -> dg.MaterializeResult[list[Chunk]]:
    """Passages of a source's pages, files, tables and figures, small enough for the embedder."""
    source, embedder = project.source(context.partition_key), project.embedder
    progress = both(project.progress, logged(context.log.info))
    splitter = splitter_for(source.chunking, embedder)
    cut = chunk_pages(scraped_pages, splitter)
    if pdf_elements:
        cut += chunk_documents(pdf_elements, table_html, image_captions, splitter)
    progress("chunks", len(cut), len(cut))
    model = source.entity_model
    found_by = f"{model} {ENTITIES}" if model else "none"
    if model:
        known = known_entities(context.instance, project.tables, context.partition_key, found_by)
        cut, _ = with_entities(cut, model, known, progress)
    limit = min(source.chunking.max_tokens, embedder.max_tokens)
    described = {"token_limit": limit, ENTITY_MODEL: found_by}
    return versioned(cut, _of_chunks(cut, limit) | described)


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
        "pdfs": sum(bool(e.snapshot) and e.content_type == PDF for e in found.ledger),
        "refused_by_reason": counts(figures.refused),
        "bytes": figures.bytes,
        "seconds": round(figures.seconds, 2),
        "sample": sample([{"url": p.url, "title": p.title, "text": p.text} for p in found.pages]),
    }


def _of_chunks(cut: list[Chunk], limit: int) -> dict[str, Any]:
    tokens = sorted(chunk.tokens for chunk in cut) or [0]
    return {
        "dagster/row_count": len(cut),
        "by_kind": counts(Counter(chunk.kind for chunk in cut)),
        "entities": counts(dict(Counter(e for c in cut for e in c.entities).most_common(12))),
        "tokens_p50": tokens[len(tokens) // 2],
        "tokens_p95": tokens[int(len(tokens) * 0.95)],
        "lengths": histogram(tokens, "tokens a chunk", limit),
        "sample": sample(
            [{"url": c.url, "heading": c.heading, "tokens": c.tokens, "text": c.text} for c in cut]
        ),
    }
