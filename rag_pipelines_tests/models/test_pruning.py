"""What is removed of the artifact store when asked, and what is never."""

import os
from pathlib import Path

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.pruning import unneeded
from rag_pipelines.storage.artifacts import Artifact, Artifacts
from rag_pipelines.storage.durable import TEMPORARY


def made(store: Artifacts, **recipe: object) -> Artifact:
    content = repr(sorted(recipe.items()))
    return store.make(recipe, lambda room: (room / "file").write_text(content))


@pytest.fixture
def store(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


def test_a_model_keeps_what_it_was_made_of_and_what_was_measured_of_them(store: Artifacts):
    base = made(store, method="base")
    graph = made(store, method="onnx-fp32", parent=base.digest, base=base.digest)
    small = made(store, method="onnx-int8", parent=graph.digest, base=base.digest)
    asked = made(store, evaluation="questions")
    of_base = made(store, measured="quality", model=base.digest, evaluation=asked.digest)
    of_small = made(store, measured="quality", model=small.digest, evaluation=asked.digest)
    other = made(store, method="base", origin="another")
    nf4 = made(store, method="nf4", parent=other.digest, base=other.digest)
    among = [small.digest, nf4.digest]
    timed = made(store, measured="timing", model=small.digest, among=among)
    gone = {
        nf4.digest,
        other.digest,
        made(store, measured="timing", model=nf4.digest, among=among).digest,
        made(store, evaluation="questions of last year").digest,
    }
    assert {one.digest for one in unneeded(store.all(), [small.digest])} == gone
    store.remove(gone)
    kept = {base.digest, graph.digest, small.digest, asked.digest}
    kept |= {of_base.digest, of_small.digest, timed.digest}
    assert {one.digest for one in store.all()} == kept
    assert store.find({"method": "nf4", "parent": other.digest, "base": other.digest}) is None
    assert store.find({"method": "base"}) == base
    assert not list(store.root.glob(f"{TEMPORARY}*"))


def test_what_else_a_recipe_names_is_kept_too(store: Artifacts):
    data, base = made(store, rows="questions"), made(store, method="base")
    tuned = made(store, settings={"data": [data.digest]}, base=base.digest)
    assert unneeded(store.all(), [tuned.digest]) == []


def test_a_digest_that_is_not_there_keeps_nothing(store: Artifacts):
    base = made(store, method="base")
    assert unneeded(store.all(), ["0" * 64]) == [base]


def test_nothing_is_removed_while_something_is_being_made(store: Artifacts):
    base = made(store, method="base")
    with pytest.raises(ArtifactError, match=f"process {os.getpid()} makes or measures"):
        store.make({"method": "nf4"}, lambda room: store.remove([base.digest]))
    assert store.all() == [base]
