"""Chunks in, vectors out: computes what is new and takes the rest from the last time.

Knows batches and what a sound vector is. Does not know any model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import Chunk, EmbeddedChunks, Progress, no_progress

_BATCH = 64
_UNIT_WITHIN = 1e-3


def embed_chunks(
    chunks: Sequence[Chunk],
    embedder: Embedder,
    previous: EmbeddedChunks | None = None,
    progress: Progress = no_progress,
) -> tuple[EmbeddedChunks, int]:
    """Vectors of the chunks, in the chunks' order, and how many of them were computed.

    A vector of `previous` is taken where the embedder's fingerprint, the chunk's id and what the
    embedder reads of it are the same. Raises `ModelError` where the embedder fails or answers
    with the wrong count or dimension, or with vectors that are not finite and of unit length.
    """
    vectors = np.zeros((len(chunks), embedder.dimension), dtype=np.float32)
    missing = _reuse(chunks, embedder, previous, vectors)
    # Neighbours of one length waste no padding; the id settles ties, so that runs are alike.
    missing.sort(key=lambda row: (chunks[row].tokens, chunks[row].id))
    progress("embed", 0, len(missing))
    for start in range(0, len(missing), _BATCH):
        rows = missing[start : start + _BATCH]
        vectors[rows] = _encoded([chunks[row].embedded_text for row in rows], embedder)
        progress("embed", start + len(rows), len(missing))
    return EmbeddedChunks(list(chunks), vectors, embedder.fingerprint), len(missing)


def _reuse(
    chunks: Sequence[Chunk],
    embedder: Embedder,
    previous: EmbeddedChunks | None,
    vectors: NDArray[np.float32],
) -> list[int]:
    """Fill in what is known; the rows that are not."""
    if previous is None or previous.embedder != embedder.fingerprint:
        return list(range(len(chunks)))
    if previous.vectors.shape != (len(previous.chunks), embedder.dimension):
        return list(range(len(chunks)))
    known = {chunk.id: row for row, chunk in enumerate(previous.chunks)}
    missing: list[int] = []
    for row, chunk in enumerate(chunks):
        before = known.get(chunk.id)
        # The id covers the text alone: under a new title or heading the chunk reads otherwise.
        if before is None or previous.chunks[before].embedded_text != chunk.embedded_text:
            missing.append(row)
        else:
            vectors[row] = previous.vectors[before]
    return missing


def _encoded(texts: list[str], embedder: Embedder) -> NDArray[np.float32]:
    try:
        vectors = np.asarray(embedder.encode(texts), dtype=np.float32)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"the embedder {embedder.name} failed on {len(texts)} chunks: "
            f"{type(error).__name__}: {error}; check the model (rag doctor) and run again"
        ) from error
    _refuse_unsound(vectors, len(texts), embedder)
    return vectors


def _refuse_unsound(vectors: NDArray[np.float32], count: int, embedder: Embedder) -> None:
    expected = (count, embedder.dimension)
    if vectors.shape != expected:
        raise ModelError(
            f"the embedder {embedder.name} answered with shape {vectors.shape}, "
            f"expected {expected}; the model changed after it was loaded: run again"
        )
    if not np.isfinite(vectors).all():
        raise ModelError(
            f"the embedder {embedder.name} answered with values that are not finite; "
            "fetch its model anew (rag doctor) or name another in RAG_EMBEDDER"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    worst = float(lengths[np.abs(lengths - 1.0).argmax()])
    if abs(worst - 1.0) > _UNIT_WITHIN:
        raise ModelError(
            f"the embedder {embedder.name} answered with a vector of length {worst:.4f}, "
            "expected 1; have it normalise its vectors or name another in RAG_EMBEDDER"
        )
