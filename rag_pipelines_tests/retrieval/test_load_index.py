"""10,000 rows with vectors clustered as an embedder's are: what is found, not how fast.

How fast, and 100,000 rows, stand in `benchmarks`.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.retrieval.index import Index, exact, open_index
from rag_pipelines.retrieval.manifest import IndexSpec, Release
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

pytestmark = pytest.mark.slow

ROWS, RARE, CLUSTERS, DIMENSION, QUERIES, K = 10_000, 100, 250, 384, 100, 10
NOISE = 0.8
"""Length of what is a text's own, beside a unit of its cluster: cosines of .6 within one."""


@dataclass
class ClusterEmbedder(TopicEmbedder):
    """A text "… cluster N …" lies around that cluster's centre, by a direction of its own."""

    name: str = "fake:clusters"
    dimension: int = DIMENSION

    def _one(self, text: str) -> NDArray[np.float32]:
        number = text.split("cluster ")[1].split()[0]
        found = _direction(f"centre {number}") + NOISE * _direction(text)
        return (found / np.linalg.norm(found)).astype(np.float32)


def _direction(text: str) -> NDArray[np.float64]:
    seed = int.from_bytes(sha256(text.encode()).digest()[:8])
    found = np.random.default_rng(seed).standard_normal(DIMENSION)
    return found / np.linalg.norm(found)


EMBEDDER = ClusterEmbedder()


def chunks_of(source: str, count: int) -> list[Chunk]:
    return [
        Chunk(
            id=sha256(f"{source} {number}".encode()).hexdigest()[:32],
            source=source,
            url=f"http://127.0.0.1/{source}/cluster-{number % CLUSTERS}/{number}.html",
            title="",
            heading="",
            text=f"{source} passage {number} of cluster {number % CLUSTERS} in the log",
            tokens=9,
        )
        for number in range(count)
    ]


def embedded(chunks: Sequence[Chunk]) -> EmbeddedChunks:
    vectors = EMBEDDER.encode([chunk.text for chunk in chunks])
    return EmbeddedChunks(list(chunks), vectors, EMBEDDER.fingerprint)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    spec = IndexSpec(embedder=EMBEDDER.name, fingerprint=EMBEDDER.fingerprint, dimension=DIMENSION)
    counts = {"site": ROWS - RARE, "rare": RARE}
    parts = {
        name: lambda n=name, c=count: embedded(chunks_of(n, c)) for name, count in counts.items()
    }
    releases = Releases(tmp_path_factory.mktemp("load"))
    return releases.build(parts, dict.fromkeys(counts, "1"), spec, "load")


@pytest.fixture(scope="module")
def retriever(release: Release) -> Iterator[Retriever]:
    retriever = Retriever.open(release.path, EMBEDDER)
    yield retriever
    retriever.close()


@pytest.fixture(scope="module")
def queries() -> NDArray[np.float32]:
    spread = range(0, CLUSTERS, CLUSTERS // QUERIES)
    return EMBEDDER.encode([f"what does cluster {n} say" for n in spread][:QUERIES])


def test_the_graph_finds_what_brute_force_finds(release: Release, queries: NDArray[np.float32]):
    with opened(release) as index:
        assert (index.count(), len(index.rows)) == (ROWS, ROWS)
        everything = np.arange(ROWS)
        found = [
            len(
                rows_of(index.search(query, K))
                & rows_of(exact(index.rows.vectors, query, K, everything))
            )
            for query in queries
        ]
    assert sum(found) / (K * len(queries)) >= 0.95


def test_a_filter_that_one_row_in_a_hundred_passes_loses_none_of_them(
    release: Release, queries: NDArray[np.float32]
):
    with opened(release) as index:
        sources = np.array(index.rows.column("source"))
        allowed = index.rows.among(Filters(sources=["rare"]))
        assert allowed.sum() == RARE
        for query in queries:
            scores = np.where(sources == "rare", index.rows.vectors @ query, -2)
            wanted = set(np.argsort(-scores)[:K].tolist())
            assert rows_of(index.search(query, K, allowed)) == wanted


def test_a_search_in_one_source_or_below_one_path_answers_from_there_alone(retriever: Retriever):
    for number in range(0, CLUSTERS, 25):
        question = f"what does cluster {number} say"
        rare = retriever.search(question, K, Filters(sources=["rare"]))
        assert len(rare) == K
        assert {hit.chunk.source for hit in rare} == {"rare"}
        below = retriever.search(question, 100, Filters(path_prefix=f"/site/cluster-{number}/"))
        per_cluster = sum(n % CLUSTERS == number for n in range(ROWS - RARE))
        assert len(below) == per_cluster
        assert all(f"/site/cluster-{number}/" in hit.chunk.url for hit in below)


def test_a_question_about_a_cluster_is_answered_from_it(retriever: Retriever):
    for number in range(0, CLUSTERS, 10):
        hits = retriever.search(f"what does cluster {number} say", K)
        assert all(f"cluster-{number}/" in hit.chunk.url for hit in hits)


def opened(release: Release) -> closing[Index]:
    return closing(open_index(release.path, EMBEDDER.fingerprint))


def rows_of(hits: Sequence[tuple[int, float]]) -> set[int]:
    return {row for row, _ in hits}
