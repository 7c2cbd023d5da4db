import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.storage.artifacts import MANIFEST, Artifacts, NotMade
from rag_pipelines_tests.small_disk import small_disk

RECIPE = {"method": "copy", "of": "nothing"}


def store(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


def two_files(room: Path) -> None:
    (room / "config.json").write_text("{}")
    (room / "inner").mkdir()
    (room / "inner" / "model.safetensors").write_bytes(b"weights")


def test_a_recipe_is_made_once_and_found_again(tmp_path):
    calls: list[Path] = []
    first = store(tmp_path).make(RECIPE, lambda room: (calls.append(room), two_files(room)))
    second = store(tmp_path).make(RECIPE, lambda room: calls.append(room))
    assert first == second
    assert len(calls) == 1
    assert first.size == len("{}") + len(b"weights")
    assert json.loads((first.folder / MANIFEST).read_text())["recipe"] == RECIPE


def test_the_same_content_is_the_same_artifact_whatever_made_it(tmp_path):
    artifacts = store(tmp_path)
    one = artifacts.make(RECIPE, two_files)
    assert artifacts.make({"method": "another"}, two_files).digest == one.digest


def test_a_full_disk_is_told_whatever_the_library_says_of_it(tmp_path):
    with small_disk(tmp_path / "artifacts", 8 << 20) as disk:
        disk.fill(64 << 10)

        def hidden(room: Path) -> None:
            try:
                (room / "model.safetensors").write_bytes(bytes(9 << 20))
            except OSError:
                raise RuntimeError("failed to write") from None

        with pytest.raises(ArtifactError, match="is full; make room on it and run again"):
            store(tmp_path).make(RECIPE, hidden)
        disk.empty()
        assert not list(disk.path.glob(".tmp*"))
        with pytest.raises(RuntimeError, match="failed to write"):
            store(tmp_path).make(RECIPE, lambda room: _raise(RuntimeError("failed to write")))


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("raised", "told", "said"),
    [
        (OSError(5, "Input/output error"), OSError, "Input/output error"),
        (OSError(28, "No space left on device"), ArtifactError, "is full; make room on it"),
        (RuntimeError("I/O error: File too large (os error 27)"), ArtifactError, "is full"),
    ],
)
def test_nothing_stays_of_a_write_that_fails(tmp_path, raised, told, said):
    artifacts = store(tmp_path)

    def half(room: Path) -> None:
        two_files(room)
        raise raised

    with pytest.raises(told, match=said):
        artifacts.make(RECIPE, half)
    assert artifacts.find(RECIPE) is None
    assert [path for path in artifacts.root.rglob("*") if path.is_file()] == []
    assert artifacts.make(RECIPE, two_files).size


@pytest.mark.parametrize("name", ["pytorch_model.bin", "inner/model.PT", "weights.pkl"])
def test_a_pickle_is_never_kept(tmp_path, name):
    def pickled(room: Path) -> None:
        two_files(room)
        (room / name).write_bytes(b"\x80\x04")

    with pytest.raises(ArtifactError, match="pickle"):
        store(tmp_path).make(RECIPE, pickled)
    assert store(tmp_path).find(RECIPE) is None


def test_a_file_that_was_cut_off_is_noticed_and_made_again(tmp_path):
    artifacts = store(tmp_path)
    made = artifacts.make(RECIPE, two_files)
    (made.folder / "inner" / "model.safetensors").write_bytes(b"weig")
    with pytest.raises(ArtifactError, match="cut off"):
        artifacts.open(made.digest)
    assert artifacts.make(RECIPE, two_files) == made
    assert (made.folder / "inner" / "model.safetensors").read_bytes() == b"weights"


def test_an_altered_byte_is_noticed_where_bytes_are_verified(tmp_path):
    artifacts = store(tmp_path)
    made = artifacts.make(RECIPE, two_files)
    (made.folder / "inner" / "model.safetensors").write_bytes(b"Weights")
    artifacts.open(made.digest)
    with pytest.raises(ArtifactError, match="SHA-256"):
        artifacts.open(made.digest, verify=True)


def test_a_manifest_of_another_folder_is_refused(tmp_path):
    artifacts = store(tmp_path)
    made = artifacts.make(RECIPE, two_files)
    made.folder.rename(artifacts.root / ("0" * 64))
    with pytest.raises(ArtifactError, match="not what its name says"):
        artifacts.open("0" * 64)


def test_a_name_means_the_last_that_was_named_so(tmp_path):
    artifacts = store(tmp_path)
    assert artifacts.named("nf4") is None
    artifacts.name("nf4", "a" * 64)
    artifacts.name("nf4", "b" * 64)
    assert artifacts.named("nf4") == "b" * 64


def test_a_frozen_store_finds_and_makes_nothing(tmp_path):
    made = store(tmp_path).make(RECIPE, two_files)
    frozen = Artifacts(tmp_path / "artifacts", frozen=True)
    assert frozen.make(RECIPE, two_files) == made
    frozen.name("nf4", made.digest)
    assert frozen.named("nf4") is None
    with pytest.raises(NotMade):
        frozen.make({"method": "another"}, two_files)


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path):
    artifacts = store(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = artifacts.root / f".tmp-{ended.pid}-half"
    living = artifacts.root / f".tmp-{os.getpid()}-half"
    for room in (left, living):
        room.mkdir(parents=True)
    artifacts.make(RECIPE, two_files)
    assert not left.exists()
    assert living.exists()
