import json
import os
import pickle
from pathlib import Path

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.base import licence_of, resolve
from rag_pipelines.models.config import BaseSource
from rag_pipelines.storage.artifacts import Artifact, Artifacts

REVISION = "0" * 40


def folder_of(path: Path, weights: bytes = b"weights", **config: object) -> Path:
    """Something that looks like a model's folder; nothing here loads it."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps({"model_type": "llama"} | config))
    (path / "model.safetensors").write_bytes(weights)
    (path / "README.md").write_text("---\nlicense: mit\n---\n")
    return path


def resolved(tmp_path: Path, source: BaseSource) -> Artifact:
    return resolve("base", source, Artifacts(tmp_path / "artifacts"), offline=True)


def test_a_folder_is_taken_over_once_with_its_licence(tmp_path):
    source = BaseSource(folder=folder_of(tmp_path / "tiny"))
    found = resolved(tmp_path, source)
    assert resolved(tmp_path, source) == found
    assert licence_of(found) == "mit"
    assert found.recipe["origin"] == "folder:tiny"
    assert str(tmp_path) not in json.dumps(found.recipe)


def test_other_files_of_the_folder_are_left_behind(tmp_path):
    folder = folder_of(tmp_path / "tiny")
    (folder / "modeling_tiny.py").write_text("raise SystemExit")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    names = {path.name for path in resolved(tmp_path, BaseSource(folder=folder)).folder.iterdir()}
    assert names == {"artifact.json", "config.json", "model.safetensors", "README.md"}


class Marking:
    """A pickle that leaves a file where it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_a_folder_of_pickles_is_refused_and_none_is_opened(tmp_path):
    folder = folder_of(tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Marking(tmp_path / "marker")))
    with pytest.raises(ArtifactError, match=r"pytorch_model\.bin and no safetensors"):
        resolved(tmp_path, BaseSource(folder=folder))
    assert not (tmp_path / "marker").exists()


def test_a_repository_that_wants_its_code_run_is_refused(tmp_path):
    folder = folder_of(tmp_path / "remote", auto_map={"AutoModel": "modeling_x.Model"})
    with pytest.raises(ArtifactError, match="auto_map"):
        resolved(tmp_path, BaseSource(folder=folder))
    other = folder_of(tmp_path / "tokenizer")
    (other / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["x.T", null]}}')
    with pytest.raises(ArtifactError, match=r"tokenizer_config\.json asks for code"):
        resolved(tmp_path, BaseSource(folder=other))


def test_an_adapter_without_its_base_is_no_base(tmp_path):
    folder = folder_of(tmp_path / "adapter")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ArtifactError, match="merge it into its base model"):
        resolved(tmp_path, BaseSource(folder=folder))


def test_a_folder_that_changed_is_an_error_that_says_so_until_it_is_accepted(tmp_path):
    first = resolved(tmp_path, BaseSource(folder=folder_of(tmp_path / "tiny")))
    folder_of(tmp_path / "tiny", b"other weights")
    with pytest.raises(ArtifactError, match=f"expected {first.digest}") as told:
        resolved(tmp_path, BaseSource(folder=tmp_path / "tiny"))
    now = str(told.value).split("digest: ")[1].split()[0]
    accepted = BaseSource(folder=tmp_path / "tiny", digest=now)
    assert resolved(tmp_path, accepted).digest == now
    assert resolved(tmp_path, BaseSource(folder=tmp_path / "tiny")).digest == now


def test_another_digest_than_the_one_that_is_wanted_is_refused(tmp_path):
    source = BaseSource(folder=folder_of(tmp_path / "tiny"), digest="1" * 64)
    with pytest.raises(ArtifactError, match="expected 1111"):
        resolved(tmp_path, source)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (BaseSource(hub="nobody/nothing", revision=REVISION), "HF_HUB_OFFLINE is set"),
        (BaseSource(gguf="/nowhere/model.gguf"), "no such file"),
        (BaseSource(folder=Path("/nowhere/models")), "no such folder"),
    ],
)
def test_a_source_that_cannot_be_had_says_what_to_do(tmp_path, source, said):
    with pytest.raises(ArtifactError, match=said):
        resolved(tmp_path, source)


def test_a_file_that_is_no_gguf_is_refused(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(pickle.dumps(Marking(tmp_path / "marker")))
    with pytest.raises(ArtifactError, match="no GGUF file"):
        resolved(tmp_path, BaseSource(gguf=str(path)))
    assert not (tmp_path / "marker").exists()
