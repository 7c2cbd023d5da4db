"""What all embedders share: answers are checked and brought to unit length.

A base class behind the `Embedder` protocol and LangChain's `Embeddings`. Does not know how any
model computes.
"""

from abc import abstractmethod
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import ArrayLike, NDArray

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.protocols import Tokenizer


class UnitEmbedder(Embeddings):
    """An embedder whose `_compute` may answer anything: what leaves here are unit vectors."""

    name: str
    fingerprint: str
    dimension: int
    max_tokens: int
    tokenizer: Tokenizer

    @abstractmethod
    def _compute(self, texts: Sequence[str]) -> ArrayLike:
        """The model's own vectors of at least one text, in order."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, shape (len(texts), dimension)."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return unit_vectors(self._compute(texts), len(texts), self.dimension, self.name)

    def _compute_query(self, text: str) -> ArrayLike:
        """The vector of a question, for models that read questions in another way."""
        return self._compute([text])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """`encode`, as LangChain wants it."""
        return self.encode(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question, as LangChain wants it."""
        vectors = unit_vectors(self._compute_query(text), 1, self.dimension, self.name)
        return vectors[0].tolist()


def unit_vectors(
    answer: ArrayLike, count: int, dimension: int | None, name: str
) -> NDArray[np.float32]:
    """Hold an answer to its shape and bring each row to unit length.

    Raises `ModelError` for another count or dimension (unless that is None, when any will do),
    ragged rows, values that are not finite, and vectors of length zero.
    """
    try:
        vectors = np.asarray(answer, np.float32)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name}: the vectors are no table of numbers ({error})") from error
    if vectors.ndim != 2 or len(vectors) != count:
        raise ModelError(f"{name}: {count} vectors expected, found shape {vectors.shape}")
    if not vectors.shape[1] or (dimension and vectors.shape[1] != dimension):
        raise ModelError(
            f"{name}: dimension {dimension or 'above 0'} expected, found {vectors.shape[1]}; "
            "check which model is served under that name"
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = int(np.count_nonzero(~(np.isfinite(lengths) & (lengths > 0))))
    if bad:
        raise ModelError(f"{name}: {bad} of {count} vectors are zero or not finite")
    return vectors / lengths


def fingerprint_of(*parts: str) -> str:
    """16 hex digits of what decides whether vectors compare: name, weights, pooling, and so on."""
    return sha256("\0".join(parts).encode()).hexdigest()[:16]
