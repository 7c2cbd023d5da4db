"""Assets of the index: vectors by source, and the release that they add up to."""

import time
from typing import Any

import dagster as dg
import numpy as np

from rag_pipelines.corpus.embedding import embed_chunks
from rag_pipelines.defs.corpus.assets import versioned
from rag_pipelines.lib.corpus import corpus_parts, previous_vectors
from rag_pipelines.lib.metadata import columns, sample
from rag_pipelines.lib.origins import origins_of
from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.progress import both, logged
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.retrieval.manifest import Release


@dg.asset(
    partitions_def=SOURCES,
    group_name="index",
    owners=["team:retrieval"],
    kinds={"onnx", "python"},
    code_version="1",
    pool="accelerator",
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL),
    metadata={"dagster/column_schema": columns(Chunk)},
)
def embeddings(
    context: dg.AssetExecutionContext, chunks: list[Chunk], project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[EmbeddedChunks]:
    """A vector of unit length for each chunk; those of unchanged chunks are taken from before."""
    previous = previous_vectors(context.instance, project.tables, context.partition_key)
    progress = both(project.progress, logged(context.log.info))
    began = time.monotonic()
    embedded, computed = embed_chunks(chunks, project.embedder, previous, progress)
    seconds = time.monotonic() - began
    return versioned(embedded, _of_vectors(embedded, computed, seconds, project))


@dg.asset(
    deps=[embeddings],
    group_name="index",
    owners=["team:retrieval"],
    kinds={"chroma", "bm25"},
    code_version="1",
    pool="index_writer",
)
def chroma_collection(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[Any]:
    """The release that the sources' good versions add up to: vectors, words and rows, unserved."""
    parts, versions = corpus_parts(context.instance, project.tables, list(project.sources))
    if not parts:
        raise dg.Failure("No source has a good version yet; run rag ingest --all first.")
    before = project.releases.head()
    progress = both(project.progress, logged(context.log.info))
    spec = project.index_spec()
    origins = origins_of(context.instance, list(parts))
    release = project.releases.build(parts, versions, spec, context.run.run_id, progress, origins)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(release.digest), metadata=_of_release(release, before)
    )


def _of_vectors(
    embedded: EmbeddedChunks, computed: int, seconds: float, project: Project
) -> dict[str, Any]:
    norms = np.linalg.norm(embedded.vectors, axis=1) if len(embedded.chunks) else np.ones(1)
    return {
        "dagster/row_count": len(embedded.chunks),
        "embedder": project.embedder.name,
        "fingerprint": embedded.embedder,
        "dimension": project.embedder.dimension,
        "computed": computed,
        "reused": len(embedded.chunks) - computed,
        "vectors_a_second": round(computed / seconds, 1) if computed and seconds else 0.0,
        "norms": f"{norms.min():.6f} to {norms.max():.6f}",
    }


def _of_release(release: Release, before: Release | None) -> dict[str, Any]:
    manifest = release.manifest
    return {
        "dagster/row_count": manifest.rows,
        "release": release.name,
        "digest": release.digest,
        "embedder": manifest.embedder,
        "rows_before": before.manifest.rows if before else 0,
        "sources": sample(
            [{"source": name, "version": v} for name, v in sorted(manifest.sources.items())],
            most=max(1, len(manifest.sources)),
        ),
        "path": dg.MetadataValue.path(str(release.path)),
    }
