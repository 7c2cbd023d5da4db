"""What must hold of vectors before they are indexed, and of a release before it is served."""

from collections.abc import Iterator

import dagster as dg
import numpy as np

from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.retrieval.verdicts import CHECKS

_UNIT = 1e-3
_MEANING = {
    "count_matches_manifest": "Vectors, words and rows are exactly those the manifest names.",
    "one_embedder": "Vectors of two embedders in one index do not compare.",
    "ann_recall": "The approximate index finds what brute force finds.",
    "golden_recall": "The golden questions find the pages and quotes they expect.",
    "no_regression": "The release answers no worse than the one being served.",
}


@dg.asset_check(asset="embeddings", blocking=True, partitions_def=SOURCES)
def dimension_finite_unit(
    embeddings: EmbeddedChunks, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """One vector that is not finite, or of another length, spoils every search it meets."""
    vectors = embeddings.vectors
    width = vectors.shape[1] == project.embedder.dimension
    finite = bool(np.isfinite(vectors).all())
    unit = bool((np.abs(np.linalg.norm(vectors, axis=1) - 1) < _UNIT).all()) if finite else False
    return dg.AssetCheckResult(
        passed=width and finite and unit,
        metadata={"dimension": vectors.shape[1], "finite": finite, "unit": unit},
    )


@dg.asset_check(
    asset="embeddings",
    blocking=True,
    partitions_def=SOURCES,
    additional_ins={"chunks": dg.AssetIn("chunks")},
)
def count_matches_chunks(embeddings: EmbeddedChunks, chunks: list[Chunk]) -> dg.AssetCheckResult:
    """A chunk without a vector cannot be found."""
    same = [chunk.id for chunk in embeddings.chunks] == [chunk.id for chunk in chunks]
    counted = len(embeddings.vectors) == len(chunks)
    return dg.AssetCheckResult(
        passed=same and counted,
        metadata={"chunks": len(chunks), "vectors": len(embeddings.vectors)},
    )


@dg.multi_asset_check(
    name="release_is_good",
    specs=[
        dg.AssetCheckSpec(name, asset="chroma_collection", blocking=True, description=meaning)
        for name, meaning in _MEANING.items()
    ],
)
def release_is_good(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.AssetCheckResult]:
    """Open the release in a process of its own, so that a crash there is only a failed check."""
    project.progress("verify", 0, None)
    verdict = project.verify_head()
    for name in CHECKS:
        result = verdict.checks[name]
        yield dg.AssetCheckResult(
            asset_key="chroma_collection",
            check_name=name,
            passed=result.passed,
            metadata=dict(result.metadata),
        )
