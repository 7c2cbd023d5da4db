"""The words' side of the index: BM25 over chunks, memory-mapped, beside the vectors.

Rows are positions in the sequence the index was built from. Knows nothing of Chroma or fusion;
how a text becomes terms is in `words`.
"""

import logging
import math
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import Chunk
from rag_pipelines.retrieval.words import term_set, terms

K1 = 1.2
B = 0.75
_NOTHING = "\0"
"""Stands in for the terms of a corpus without a single one: bm25s cannot index nothing."""


def build_lexical(chunks: Sequence[Chunk], path: Path) -> None:
    """Write the index of the chunks' `embedded_text` into the directory `path`."""
    library = _bm25s()
    path.mkdir(parents=True, exist_ok=True)
    index = library.BM25(k1=K1, b=B, method="lucene", csc_backend="numpy")
    corpus = _corpus(chunk.embedded_text for chunk in chunks)
    index.index(corpus, create_empty_token=False, show_progress=False)
    index.save(path, show_progress=False)


def _bm25s() -> Any:
    with _hidden("numba", "scipy", "scipy.sparse"):
        import bm25s  # pyright: ignore[reportMissingTypeStubs] - it ships none

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to DEBUG
    return bm25s


@contextmanager
def _hidden(*names: str) -> Generator[None]:
    """Modules that an import is to do without.

    bm25s imports numba and SciPy wherever they are installed, most of a CPU second in every
    process that opens an index, and what is asked of it here uses neither.
    """
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # pyright: ignore - None hides a module
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


def _corpus(texts: Iterable[str]) -> tuple[list[list[int]], dict[str, int]]:
    """Term ids of each text, with ids in order of first appearance."""
    ids: dict[str, int] = {}
    corpus = [[ids.setdefault(term, len(ids)) for term in terms(text)] for text in texts]
    if not ids:
        return [[0] for _ in corpus] or [[0]], {_NOTHING: 0}
    return corpus, ids


class LexicalIndex:
    """A built index, opened for reading. Safe to share between threads."""

    def __init__(self, bm25: Any, rows: int) -> None:
        """Use `LexicalIndex.open`."""
        self._bm25 = bm25
        self.rows = rows

    @classmethod
    def open(cls, path: Path) -> "LexicalIndex":
        """Open what `build_lexical` wrote. Raises `ReleaseError` where it cannot be read."""
        library = _bm25s()
        try:
            bm25 = library.BM25.load(path, mmap=True, show_progress=False)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ReleaseError(
                f"The lexical index at {path} cannot be read ({error}); rebuild the release."
            ) from error
        return cls(bm25, int(bm25.scores["num_docs"]))

    def scores(self, query: str) -> NDArray[np.float32]:
        """BM25 of every row for a query, zeros where no term matches."""
        known = [term for term in terms(query) if term in self._bm25.vocab_dict]
        if not known:
            return np.zeros(self.rows, np.float32)
        return np.asarray(self._bm25.get_scores(known), np.float32)

    def rarity(self, term: str) -> float:
        """Inverse document frequency; a term that the corpus lacks counts as the rarest."""
        return math.log(1 + (self.rows - self._count(term) + 0.5) / (self._count(term) + 0.5))

    def _count(self, term: str) -> int:
        number = self._bm25.vocab_dict.get(term)
        if number is None:
            return 0
        starts = self._bm25.scores["indptr"]
        return int(starts[number + 1] - starts[number])

    def coverage(self, query: str, texts: Sequence[str]) -> list[float]:
        """Share of the query's terms that each text has, weighed by rarity, 0 to 1."""
        weights = {term: self.rarity(term) for term in terms(query)}
        total = sum(weights.values())
        if not total:
            return [0.0] * len(texts)
        held = [weights.keys() & term_set(text) for text in texts]
        return [sum(weights[term] for term in sorted(found)) / total for found in held]

    def search(
        self, query: str, k: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[tuple[int, float]]:
        """The k best rows with their scores, best first, equal scores in row order.

        Rows without any of the query's terms are left out; `allowed` masks rows in.
        """
        scores = self.scores(query)
        if allowed is not None:
            scores = np.where(allowed, scores, np.float32(0))
        return [(int(row), float(scores[row])) for row in top_rows(scores, k) if scores[row] > 0]


def top_rows(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Positions of the k largest scores, best first; ties fall to the lower position."""
    if k >= len(scores):
        return np.argsort(-scores, kind="stable")
    threshold = np.partition(scores, -k)[-k] if k > 0 else np.inf
    candidates = np.flatnonzero(scores >= threshold)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]
