"""The vectors' side of the index: a Chroma store that is written once and then only read.

Knows Chroma's settings and calls. Ids, vectors, source and URL are all that it stores; text
comes from the rows. Does not know releases, words or fusion.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import Chunk, Progress, no_progress
from rag_pipelines.retrieval.manifest import load_release
from rag_pipelines.retrieval.rows import Rows, Vectors

CHROMA = "chroma"
COLLECTION = "chunks"
_BATCH = 1000
_NEIGHBOURS, _EF_CONSTRUCTION, _EF_SEARCH = 16, 200, 200


def connect(folder: Path) -> Any:
    """A client of the store in `folder`, telemetry off. Chroma's type for it has no `close`."""
    from chromadb import PersistentClient
    from chromadb.config import Settings

    return PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))


class StoreWriter:
    """The only writer of a store that nobody reads yet."""

    def __init__(self, folder: Path, rows: int) -> None:
        """Open the store, or create it for about that many rows."""
        self._client = connect(folder)
        self._collection = self._client.get_or_create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": _hnsw(rows)}
        )

    def put(self, rows: Rows, which: Sequence[int], progress: Progress = no_progress) -> None:
        """Write these rows, in place of any with the same ids."""
        for start in range(0, len(which), _BATCH):
            taken = which[start : start + _BATCH]
            chunks = [rows[i] for i in taken]
            self._collection.upsert(
                ids=[chunk.id for chunk in chunks],
                embeddings=np.asarray(rows.vectors[taken]),
                metadatas=[{"source": chunk.source, "url": chunk.url} for chunk in chunks],
            )
            progress("vectors", start + len(taken), len(which))

    def remove(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _BATCH):
            self._collection.delete(ids=list(ids[start : start + _BATCH]))

    def close(self) -> None:
        """Let go of the files; everything written is in them."""
        self._client.close()


def _hnsw(rows: int) -> Any:
    # Chroma keeps what came after the last persist in its log and searches that by brute force:
    # batches of equal size leave next to nothing there, however small the store.
    batch = max(2, math.ceil(rows / max(1, math.ceil(rows / _BATCH))))
    return {
        "space": "cosine",
        "max_neighbors": _NEIGHBOURS,
        "ef_construction": _EF_CONSTRUCTION,
        "ef_search": _EF_SEARCH,
        "batch_size": min(batch, 100),
        "sync_threshold": batch,
    }


class Index:
    """A release's vectors and rows, opened for reading. Safe to share between threads."""

    def __init__(self, release: Path) -> None:
        """Open them. Raises `ReleaseError` where a file is missing or damaged."""
        manifest = load_release(release).manifest
        self.manifest = manifest
        self.rows = Rows(release, manifest.rows, manifest.dimension)
        self._client = _opened(release / CHROMA)
        self._closing, self._closed = Lock(), False
        try:
            self._collection = self._client.get_collection(COLLECTION, embedding_function=None)
        except Exception as error:  # Chroma's errors share no base class
            self.close()
            raise ReleaseError(f"{release} has no vectors in it: {error}") from error

    def count(self) -> int:
        """How many vectors the store says it has."""
        return self._collection.count()

    def stored(self) -> Iterator[tuple[str, str, str]]:
        """Id, source and URL of everything in the store."""
        for start in range(0, max(self.count(), 1), _BATCH * 5):
            page = self._collection.get(limit=_BATCH * 5, offset=start, include=["metadatas"])
            for key, meta in zip(page["ids"], page["metadatas"] or [], strict=True):
                yield key, str(meta["source"]), str(meta["url"])

    def search(
        self, vector: Vectors, k: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[tuple[int, float]]:
        """The k nearest rows to a unit vector with their cosines, nearest first.

        `allowed` masks rows in. Such a search is exact and leaves the graph alone: Chroma's own
        filter costs 92 ms where 1 % of 100,000 rows match, and ours a few.
        """
        if allowed is not None:
            return exact(self.rows.vectors, vector, k, np.flatnonzero(allowed))
        return self._nearest(vector, min(k, len(self.rows)))

    def _nearest(self, vector: Vectors, k: int) -> list[tuple[int, float]]:
        if k <= 0:
            return []
        found: dict[str, Any] = self._collection.query(
            query_embeddings=vector[np.newaxis], n_results=k, include=["distances"]
        )
        positions = self.rows.positions
        near = zip(found["ids"][0], found["distances"][0], strict=True)
        hits = [(positions[key], 1.0 - float(distance)) for key, distance in near]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))

    def chunk(self, row: int) -> Chunk:
        """The chunk that stands in a row."""
        return self.rows[row]

    def warm(self) -> None:
        """Read the graph into memory, so that the first question need not wait for it."""
        if len(self.rows):
            self.search(np.asarray(self.rows.vectors[0]), 1)

    def close(self) -> None:
        """Give files and memory back. May be called twice."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._client.close()


def _opened(folder: Path) -> Any:
    if not (folder / "chroma.sqlite3").is_file():  # Chroma would make a new, empty store
        raise ReleaseError(f"{folder} holds no Chroma store; build the release again.")
    try:
        return connect(folder)
    except Exception as error:  # Chroma's errors share no base class
        raise ReleaseError(f"The Chroma store {folder} cannot be opened: {error}") from error


def exact(
    vectors: Vectors, query: Vectors, k: int, among: NDArray[np.intp]
) -> list[tuple[int, float]]:
    """The k nearest of the rows `among`, by brute force."""
    few = 3 * len(among) < len(vectors)
    scores = vectors[among] @ query if few else (vectors @ query)[among]
    best = np.argsort(-scores, kind="stable")[:k]
    return [(int(among[i]), float(scores[i])) for i in best]


def open_index(release: Path, fingerprint: str | None = None) -> Index:
    """Open a release's index. Raises `EmbedderMismatch` unless this embedder made it."""
    manifest = load_release(release).manifest
    if fingerprint is not None:
        manifest.require_embedder(fingerprint)
    return Index(release)
