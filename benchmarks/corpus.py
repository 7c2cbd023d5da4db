"""Real chunks and vectors out of the ingest, and as many perturbed copies as are asked for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.context import Context
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.retrieval.manifest import IndexSpec, Release
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.rows import Rows

Vectors = NDArray[np.float32]
NOISE = 0.3
"""Length of what is added to a unit vector: its cosine with the copy is about .96."""
FEW, MOST = "few", "most"
FEW_SHARE = 0.01


def embedder_of(context: Context) -> Embedder:
    return load_embedder("onnx:minilm", context.home)


def ingested(context: Context) -> tuple[Release, Rows]:
    """The release that the ingest published, and its rows."""
    releases = Releases(context.home / "releases")
    pointer = releases.current()
    if pointer is None:
        raise RuntimeError("nothing was published; run the stage ingest first")
    release = releases.get(pointer.release)
    return release, Rows(release.path, release.manifest.rows, release.manifest.dimension)


def spread(total: int, wanted: int) -> list[int]:
    """That many of the rows, evenly spread."""
    return [int(row) for row in np.linspace(0, total - 1, min(total, wanted))]


def perturbed(vectors: Vectors, noise: float, seed: int) -> Vectors:
    """Unit vectors near the given ones."""
    added = np.random.default_rng(seed).standard_normal(vectors.shape, np.float32)
    moved = vectors + added * np.float32(noise / np.sqrt(vectors.shape[1]))
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def copies(rows: Rows, count: int, source: str, fingerprint: str, seed: int) -> EmbeddedChunks:
    """That many chunks of one source: the rows again and again, each time perturbed anew."""
    taken = np.arange(count) % len(rows)
    found = list(rows)
    chunks = [_copy(found[row], number, source) for number, row in enumerate(taken)]
    return EmbeddedChunks(chunks, perturbed(rows.vectors[taken], NOISE, seed), fingerprint)


def _copy(chunk: Chunk, number: int, source: str) -> Chunk:
    return Chunk(
        id=f"{source}{number:012x}{chunk.id}"[:32],
        source=source,
        url=chunk.url,
        title=chunk.title,
        heading=chunk.heading,
        text=chunk.text,
        tokens=chunk.tokens,
        position=chunk.position,
        language=chunk.language,
    )


def parts_of(rows: Rows, count: int, spec: IndexSpec) -> dict[str, Callable[[], EmbeddedChunks]]:
    """Two sources, of which one has 1 % of the rows."""
    few = max(1, int(count * FEW_SHARE))
    return {
        FEW: lambda: copies(rows, few, FEW, spec.fingerprint, 1),
        MOST: lambda: copies(rows, count - few, MOST, spec.fingerprint, 2),
    }


def spec_of(embedder: Embedder) -> IndexSpec:
    return IndexSpec(
        embedder=embedder.name, fingerprint=embedder.fingerprint, dimension=embedder.dimension
    )


def questions_of(context: Context, rows: Rows, wanted: int) -> list[str]:
    """Queries of the evaluation set where there is one, else beginnings of passages."""
    from rag_pipelines.retrieval.dataset import load_dataset

    folder = Path(context.eval_data or "/nonexistent") / "anthropic_docs"
    if folder.is_dir():
        texts = list(load_dataset(folder).queries.values())
        return [texts[number % len(texts)] for number in range(wanted)]
    return openings(rows, wanted)


def openings(rows: Rows, wanted: int) -> list[str]:
    """How that many passages begin: what the index can answer."""
    picked = [rows[row] for row in spread(len(rows), wanted)]
    return [" ".join(chunk.text.split()[:10]) or chunk.title for chunk in picked]


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile and worst, in milliseconds; nothing of nothing."""
    if not seconds:
        return {}
    p50, p95, p99, worst = np.percentile(np.array(seconds) * 1000, [50, 95, 99, 100]).round(2)
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "worst_ms": worst}
