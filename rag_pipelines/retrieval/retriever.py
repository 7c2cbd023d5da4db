"""A question in, the best passages of a release out: vectors and words, fused.

Knows how the two indexes are asked and joined. Does not build them (`releases`), judge whether
what was found answers the question (`grounding`), or know who asks.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import Hit
from rag_pipelines.retrieval.fusion import fused
from rag_pipelines.retrieval.index import Index, open_index
from rag_pipelines.retrieval.lexical import LexicalIndex, top_rows
from rag_pipelines.retrieval.manifest import Manifest
from rag_pipelines.retrieval.rows import Filters, Rows
from rag_pipelines.retrieval.writer import LEXICAL

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

_DEPTH = 100
"""Candidates from each index; twice as many changed no figure by more than .002."""
_BACKGROUND = 1024
"""Rows sampled to tell what cosine unrelated text has."""
_EVERYTHING = Filters()


class Retriever:
    """A release, opened for questions. Safe to share between threads."""

    def __init__(self, index: Index, lexical: LexicalIndex, embedder: Embedder) -> None:
        """Use `Retriever.open`."""
        self._index, self._lexical, self._embedder = index, lexical, embedder
        rows = len(index.rows)
        sample = np.linspace(0, rows - 1, min(rows, _BACKGROUND)).astype(np.intp)
        self._background = np.array(index.rows.vectors[sample])

    @classmethod
    def open(cls, release: Path, embedder: Embedder) -> "Retriever":
        """Open the release in that directory.

        Raises `EmbedderMismatch` where another embedder made it, `ReleaseError` where a file is
        missing or damaged.
        """
        index = open_index(release, embedder.fingerprint)
        try:
            return cls(index, LexicalIndex.open(release / LEXICAL), embedder)
        except BaseException:
            index.close()
            raise

    @property
    def manifest(self) -> Manifest:
        """The manifest of the release that answers."""
        return self._index.manifest

    @property
    def rows(self) -> Rows:
        """The rows of the release that answers."""
        return self._index.rows

    def search(self, query: str, k: int = 10, filters: Filters = _EVERYTHING) -> list[Hit]:
        """The k best chunks, best first, of those that the filters let through."""
        if not query.strip() or k <= 0:
            return []
        allowed = self._index.rows.among(filters) if filters else None
        vector = self._embedder.encode([query])[0]
        words = self._lexical.scores(query)
        candidates = self._candidates(vector, words, max(k, _DEPTH), allowed)
        similarity = np.asarray(self._index.rows.vectors[candidates] @ vector)
        scores = fused(similarity, words[candidates], self._background @ vector)
        best = top_rows(scores, k)
        return self._hits(query, candidates[best], scores[best], similarity[best])

    def _candidates(
        self,
        vector: NDArray[np.float32],
        words: NDArray[np.float32],
        depth: int,
        allowed: NDArray[np.bool_] | None,
    ) -> NDArray[np.intp]:
        """Rows that either index has among its best, in row order."""
        near = [row for row, _ in self._index.search(vector, depth, allowed)]
        matching = words if allowed is None else np.where(allowed, words, np.float32(0))
        named = [row for row in top_rows(matching, depth) if matching[row] > 0]
        return np.union1d(np.array(near, np.intp), np.array(named, np.intp))

    def _hits(
        self,
        query: str,
        rows: NDArray[np.intp],
        scores: NDArray[np.float32],
        similarity: NDArray[np.float32],
    ) -> list[Hit]:
        chunks = [self._index.chunk(int(row)) for row in rows]
        coverage = self._lexical.coverage(query, [chunk.embedded_text for chunk in chunks])
        found = zip(chunks, scores.tolist(), similarity.tolist(), coverage, strict=True)
        return [
            Hit(chunk, score, rank, cosine, share)
            for rank, (chunk, score, cosine, share) in enumerate(found, 1)
        ]

    def warm(self) -> None:
        """Answer one question, so that the first real one finds everything in memory."""
        self._index.warm()
        self.search("warm", 1)

    def close(self) -> None:
        """Give files and memory back. May be called twice."""
        self._index.close()

    def as_langchain(self, k: int = 10, filters: Filters = _EVERYTHING) -> "BaseRetriever":
        """The same search as a LangChain retriever; the chunk's fields are the metadata."""
        return _langchain(self, k, filters)


def _langchain(retriever: Retriever, k: int, filters: Filters) -> "BaseRetriever":
    from langchain_core.retrievers import BaseRetriever

    class ReleaseRetriever(BaseRetriever):
        """Passages of a release, for LangChain's chains."""

        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list["Document"]:
            return [_document(hit) for hit in retriever.search(query, k, filters)]

    return ReleaseRetriever()


def _document(hit: Hit) -> "Document":
    from langchain_core.documents import Document

    chunk = hit.chunk
    metadata = {
        "source": chunk.source,
        "url": chunk.url,
        "title": chunk.title,
        "heading": chunk.heading,
        "page": chunk.page,
        "box": chunk.box,
        "kind": chunk.kind,
        "html": chunk.html,
        "document": chunk.document,
        "image": chunk.image,
        "language": chunk.language,
        "entities": chunk.entities,
        "score": hit.score,
        "rank": hit.rank,
    }
    return Document(id=chunk.id, page_content=chunk.text, metadata=metadata)
