"""Vectors are reused where nothing changed, and an embedder that fails is named. Row F13."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_pipelines.corpus.embedding import embed_chunks
from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.protocols import Embedder, Tokenizer
from rag_pipelines.inference.tokenizer import ApproximateTokenizer
from rag_pipelines.records import Chunk, EmbeddedChunks

Vectors = NDArray[np.float32]


class Counting:
    """A deterministic embedder that tells what it was asked, and can be made to fail."""

    name = "fake:counting"
    dimension = 8
    max_tokens = 254
    tokenizer: Tokenizer = ApproximateTokenizer()

    def __init__(
        self, spoil: Callable[[Vectors], Vectors] = lambda vectors: vectors, fingerprint: str = "f1"
    ) -> None:
        self.fingerprint = fingerprint
        self.batches: list[list[str]] = []
        self._spoil = spoil

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        vectors = np.stack([self._vector(text) for text in texts])
        return self._spoil(vectors) if len(self.batches) > 1 else vectors

    def _vector(self, text: str) -> Vectors:
        seed = np.frombuffer(text.encode().ljust(8, b"."), dtype=np.uint8).astype(np.uint32)
        drawn = np.random.default_rng(seed).normal(size=self.dimension)
        return (drawn / np.linalg.norm(drawn)).astype(np.float32)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.encode(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.encode([text])[0].tolist()


def chunk(number: int, title: str = "t") -> Chunk:
    text = f"text {number} " + "word " * (number * 7 % 50)
    return Chunk(
        id=f"{number:032d}",
        source="s",
        url=f"u{number}",
        title=title,
        heading="",
        text=text,
        tokens=len(text.split()),
    )


CHUNKS = [chunk(number) for number in range(200)]


def embedded(chunks: Sequence[Chunk] = CHUNKS, embedder: Embedder | None = None) -> EmbeddedChunks:
    return embed_chunks(list(chunks), embedder or Counting())[0]


def test_rows_follow_the_chunks_and_batches_go_by_length() -> None:
    embedder = Counting()
    result, computed = embed_chunks(CHUNKS, embedder)
    assert computed == 200
    assert result.chunks == CHUNKS
    assert result.vectors.dtype == np.float32
    expected = Counting().encode([chunk.embedded_text for chunk in CHUNKS])
    np.testing.assert_array_equal(result.vectors, expected)
    lengths = [len(text.split()) for batch in embedder.batches for text in batch]
    assert lengths == sorted(lengths)
    assert len(embedder.batches) > 1


def test_only_new_and_changed_chunks_are_computed() -> None:
    before = embedded()
    embedder = Counting()
    retitled = replace(CHUNKS[5], title="another")
    now = [retitled, *CHUNKS[10:], chunk(500)]
    result, computed = embed_chunks(now, embedder, before)
    assert computed == 2
    assert sorted(text for batch in embedder.batches for text in batch) == sorted(
        [retitled.embedded_text, chunk(500).embedded_text]
    )
    np.testing.assert_array_equal(result.vectors, embedded(now).vectors)


def test_no_change_asks_the_embedder_nothing() -> None:
    embedder = Counting()
    assert embed_chunks(CHUNKS, embedder, embedded())[1] == 0
    assert embedder.batches == []


def test_another_embedder_computes_everything_anew() -> None:
    assert embed_chunks(CHUNKS, Counting(fingerprint="f2"), embedded())[1] == 200


def test_vectors_of_another_dimension_are_not_taken() -> None:
    before = embedded()
    narrow = EmbeddedChunks(before.chunks, before.vectors[:, :4], before.embedder)
    assert embed_chunks(CHUNKS, Counting(), narrow)[1] == 200


def test_no_chunks_are_no_vectors() -> None:
    result, computed = embed_chunks([], Counting())
    assert result.vectors.shape == (0, 8)
    assert computed == 0


def test_progress_rises_to_the_number_to_compute() -> None:
    told: list[tuple[str, int, int | None]] = []
    embed_chunks(CHUNKS, Counting(), embedded(CHUNKS[:50]), lambda *step: told.append(step))
    assert told[0] == ("embed", 0, 150)
    assert told[-1] == ("embed", 150, 150)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def dies(_vectors: Vectors) -> Vectors:
    raise ConnectionResetError("the server went away")


def is_gone(_vectors: Vectors) -> Vectors:
    raise ModelUnavailable("the server at 127.0.0.1 does not answer; start it")


def one_not_finite(vectors: Vectors) -> Vectors:
    vectors[3, 2] = np.nan
    return vectors


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (dies, "fake:counting failed on 64 chunks: ConnectionResetError: the server went away"),
        (lambda vectors: vectors[:, :5], r"fake:counting answered with shape \(64, 5\)"),
        (lambda vectors: vectors[:-1], r"fake:counting answered with shape \(63, 8\)"),
        (one_not_finite, "fake:counting answered with values that are not finite"),
        (lambda vectors: vectors * np.inf, "not finite"),
        (lambda vectors: vectors * 2, "vector of length 2.0000, expected 1"),
        (lambda vectors: vectors * 0, "vector of length 0.0000, expected 1"),
        (is_gone, "does not answer; start it"),
    ],
)
def test_an_embedder_that_fails_mid_run_is_named(
    spoil: Callable[[Vectors], Vectors], said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        embed_chunks(CHUNKS, Counting(spoil))
