"""Embedding models over HTTP, by the official clients, against a server that also fails."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines_tests.inference.model_server import EMBEDDING_MODEL, ModelServer

KINDS = ["ollama", "openai"]
ENDPOINT = {"ollama": "/api/embed", "openai": "/v1/embeddings"}


def _load(kind: str, server: ModelServer, servers: ModelServers) -> Embedder:
    address = server.address if kind == "ollama" else f"{server.address}/v1"
    return load_embedder(f"{kind}:{EMBEDDING_MODEL}@{address}", Path(), servers)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_come_back_at_unit_length_in_the_order_of_the_texts(
    kind: str, server: ModelServer, servers: ModelServers
):
    embedder = _load(kind, server, servers)
    texts = ["x" * length for length in range(1, 80)]
    vectors = embedder.encode(texts)
    expected = np.array([[len(text), 1.0, 2.0] for text in texts])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-6)
    assert (embedder.dimension, vectors.dtype) == (3, np.float32)
    assert max(len(body["input"]) for body in server.asked(ENDPOINT[kind])) <= 32


@pytest.mark.parametrize("kind", KINDS)
def test_the_servers_context_length_bounds_the_input(
    kind: str, server: ModelServer, servers: ModelServers
):
    assert _load(kind, server, servers).max_tokens == 298


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "vector", [[1.0, 2.0], [1.0, 2.0, math.nan], [0.0, 0.0, 0.0]], ids=["short", "nan", "zero"]
)
def test_an_answer_with_unusable_vectors_is_refused(
    kind: str, vector: list[float], server: ModelServer, servers: ModelServers
):
    embedder = _load(kind, server, servers)
    server.vector = lambda text: vector if text == "bad" else [1.0, 2.0, 3.0]
    embedder.encode(["good"])
    with pytest.raises(ModelError, match=EMBEDDING_MODEL):
        embedder.encode(["good", "bad", "good"])


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_with_too_many_vectors_is_refused(
    kind: str, server: ModelServer, servers: ModelServers
):
    embedder = _load(kind, server, servers)
    server.extra_vectors = 1
    with pytest.raises(ModelError, match="2 vectors expected"):
        embedder.encode(["one", "two"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_busy_once_is_asked_again(
    kind: str, server: ModelServer, servers: ModelServers
):
    embedder = _load(kind, server, servers)
    before = len(server.asked(ENDPOINT[kind]))
    server.fault = "busy_once"
    assert embedder.encode(["text"]).shape == (1, 3)
    assert len(server.asked(ENDPOINT[kind])) == before + 2


@pytest.mark.parametrize("kind", KINDS)
def test_attempts_at_a_broken_server_are_counted(
    kind: str, server: ModelServer, servers: ModelServers
):
    embedder = _load(kind, server, servers)
    before = len(server.asked(ENDPOINT[kind]))
    server.fault = "error"
    with pytest.raises(ModelError, match="500"):
        embedder.encode(["text"])
    assert len(server.asked(ENDPOINT[kind])) == before + 1 + servers.retries


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_hangs_is_given_up(kind: str, server: ModelServer, servers: ModelServers):
    embedder = _load(kind, server, servers)
    server.fault = "hang"
    with pytest.raises(ModelError, match="in time"):
        embedder.encode(["text"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_there_is_unavailable(kind: str, servers: ModelServers):
    hurried = replace(servers, retries=1)
    with pytest.raises(ModelUnavailable):
        load_embedder(f"{kind}:m@http://127.0.0.1:9", Path(), hurried)


def test_the_fingerprint_follows_the_weights_that_ollama_holds(
    server: ModelServer, servers: ModelServers
):
    first = _load("ollama", server, servers)
    assert _load("ollama", server, servers).fingerprint == first.fingerprint
    server.digest = "digest-2"
    assert _load("ollama", server, servers).fingerprint != first.fingerprint
