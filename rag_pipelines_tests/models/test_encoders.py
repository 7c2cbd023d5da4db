"""Models that read: embedders and readers as ONNX graphs, against what they were exported from."""

from pathlib import Path

import numpy as np
import pytest

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.auto.embedding import TextEmbedding
from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.causal_onnx import open_session
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.models.making import Factory

TEXTS = ["the warranty lasts three years", "by ferry", "the warranty lasts " * 40]


@pytest.fixture(scope="module")
def factory(encoders: Factory) -> Factory:
    for name in ("graph", "small-graph", "reading-graph"):
        encoders.make(name)
    return encoders


def home(factory: Factory) -> Path:
    return factory.artifacts.root.parent


def test_a_graph_embeds_as_its_model_does(factory):
    embedder = load_embedder("onnx:graph", home(factory))
    folder = str(factory.models.bases["encoder"].folder)
    expected = load(TextEmbedding, folder, offline=True, threads=1).run(TEXTS)
    found = embedder.encode(TEXTS)
    assert np.abs(found - np.array(expected)).max() < 1e-5
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert embedder.dimension == found.shape[1]


def test_a_graph_in_8_bits_is_another_embedder_and_near(factory):
    graph, small = (load_embedder(f"onnx:{n}", home(factory)) for n in ("graph", "small-graph"))
    assert graph.fingerprint != small.fingerprint
    cosines = (graph.encode(TEXTS) * small.encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.95


def test_a_graph_that_reads_embeds_nothing(factory):
    with pytest.raises(ModelUnavailable, match="embeds no text; its graph has start_logits"):
        load_embedder("onnx:reading-graph", home(factory))


def test_a_reader_becomes_a_graph_of_begins_and_ends(factory):
    artifacts = factory.artifacts
    folder = artifacts.open(str(artifacts.named("reading-graph"))).folder
    session = open_session(folder / "model.onnx", threads=1)
    ids = np.array([[5, 6, 7, 8, 9]] * 2, np.int64)
    types = np.array([[0, 0, 1, 1, 1], [0] * 5], np.int64)
    told = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
    starts, ends = session.run(None, told)
    assert starts.shape == ends.shape == (2, 5)
    assert np.abs(starts[0] - starts[1]).max() > 1e-3  # what is the question is told apart
