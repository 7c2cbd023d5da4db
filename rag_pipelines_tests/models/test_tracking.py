"""Comparisons in a real MLflow, read back from it alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from rag_pipelines.errors import ArtifactError, UserError
from rag_pipelines.models.cards import as_markdown
from rag_pipelines.models.comparison import Comparison
from rag_pipelines.models.config import Models, Weights
from rag_pipelines.models.registry import aliases
from rag_pipelines.models.run_tags import EXPERIMENT, MODEL
from rag_pipelines.models.tracked import compared
from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.models.factory import CONTEXT, MEASURED, WANTED, Factory

BY_SIZE = Models(variants=WANTED, weights=Weights(quality=0, answers=0, speed=0, size=1))


def runs(factory: Factory, query: str = "") -> list[Any]:
    client = mlflow_client(factory.uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment
    return list(client.search_runs([experiment.experiment_id], query))


def versions(factory: Factory) -> list[Any]:
    return list(mlflow_client(factory.uri).search_model_versions(f"name = '{MODEL}'"))


def challenger(factory: Factory) -> str:
    return aliases(mlflow_client(factory.uri))["challenger"].variant


def files_of(factory: Factory, run: str) -> dict[str, str]:
    client = mlflow_client(factory.uri)
    listed = [*client.list_artifacts(run), *client.list_artifacts(run, "model")]
    return {
        found.path: client.download_artifacts(run, found.path)
        for found in listed
        if not found.is_dir
    }


def test_the_whole_comparison_is_rebuilt_from_mlflow_alone(factory: Factory):
    run = factory.record()
    found = compared(factory.uri)
    assert found.comparison == factory.compared()
    assert found.comparison.note == "The shipped weights were 4-bit once."
    assert f"base: {found.comparison.note}" in as_markdown(found.comparison)
    assert (found.run_id, set(found.run_ids)) == (run, set(MEASURED))
    assert found.context == {key: str(value) for key, value in CONTEXT.items()}
    assert found.aliases["challenger"].variant == "onnx-int8"
    assert found.aliases["challenger"].run_id == found.run_ids["onnx-int8"]


def test_what_is_missing_or_not_ranked_is_rebuilt_with_why(factory: Factory):
    whole = factory.compared()
    found = Comparison(
        base=whole.base,
        weights=whole.weights,
        rows=whole.rows,
        missing={"lora": "out of memory " * 5 + "| \n'quoted'", "other": "it was not made"},
        verdict=whole.verdict,
    )
    factory.record(found)
    assert compared(factory.uri).comparison == found
    assert "onnx-int4" in found.disqualified


def test_a_comparison_that_nobody_wins_is_recorded_and_moves_no_alias(factory: Factory):
    factory.record()
    factory.artifacts = [a for a in factory.artifacts if a.variant != "base"]
    nobody = factory.compared()
    factory.record()
    assert compared(factory.uri).comparison == nobody
    assert (nobody.verdict.winner, challenger(factory)) == (None, "onnx-int8")


def test_each_variant_is_a_run_below_the_comparison(factory: Factory):
    run = factory.record()
    (child,) = runs(factory, "tags.variant = 'onnx-int8'")
    told, params, metrics = child.data.tags, child.data.params, child.data.metrics
    assert (told["mlflow.parentRunId"], child.info.status) == (run, "FINISHED")
    (artifact,) = (a for a in factory.artifacts if a.variant == "onnx-int8")
    assert (told["digest"], told["machine"]) == (artifact.digest, CONTEXT["machine"])
    assert (params["method"], params["parent"]) == ("onnx-int8", artifact.parent)
    assert (params["threads"], params["window"], params["base"]) == ("1", "256", "base")
    assert (metrics["perplexity"], metrics["perplexity_spread"]) == (14.61, 0.61)
    assert metrics["ttft_ms_p50"] == 9000 / 57.3
    assert "bytes_on_disk_spread" not in metrics


def test_the_comparison_carries_the_verdict_the_table_and_the_picture(factory: Factory):
    run = factory.record()
    (found,) = runs(factory, "tags.kind = 'comparison'")
    verdict = factory.compared().verdict
    assert found.data.tags["verdict"] == "onnx-int8"
    assert found.data.tags["verdict_reason"] == verdict.reason
    assert verdict.reason in found.data.tags["mlflow.note.content"]
    files = files_of(factory, run)
    assert set(files) == {"comparison.json", "comparison.md", "pareto.png"}
    told = json.loads(Path(files["comparison.json"]).read_text())
    assert told["verdict"]["winner"] == "onnx-int8"
    assert told["rows"][0]["variant"] == "onnx-int8"
    assert Path(files["pareto.png"]).read_bytes().startswith(b"\x89PNG")


def test_a_variant_keeps_its_card_and_manifest_and_no_weights(factory: Factory):
    factory.record()
    files = files_of(factory, compared(factory.uri).run_ids["base"])
    assert set(files) == {"model/README.md", "model/artifact.json"}
    card = Path(files["model/README.md"]).read_text()
    for told in ("The shipped weights were 4-bit once.", "apache-2.0", "smollm2", "14.20 ± 0.60"):
        assert told in card
    manifest = json.loads(Path(files["model/artifact.json"]).read_text())
    assert list(manifest["files"]) == ["model.safetensors"]
    assert manifest["recipe"] == {"method": "base"}
    written = [path for path in (factory.root / "mlflow").rglob("*") if path.is_file()]
    assert {path.suffix for path in written} == {".md", ".json", ".png"}
    assert not [path for path in written if b"weights of" in path.read_bytes()]


def test_every_variant_is_a_registered_version_and_the_winner_the_challenger(factory: Factory):
    factory.record()
    found = {version.tags["variant"]: version for version in versions(factory)}
    ids = compared(factory.uri).run_ids
    assert set(found) == set(MEASURED)
    best = found["onnx-int8"]
    assert (best.run_id, best.source) == (ids["onnx-int8"], f"runs:/{ids['onnx-int8']}/model")
    assert (best.tags["perplexity"], best.tags["rank"]) == ("14.61", "1")
    assert "31 %" in found["onnx-int4"].tags["disqualified"]
    assert challenger(factory) == "onnx-int8"


def test_the_same_comparison_is_recorded_once(factory: Factory):
    first = factory.record()
    before = len(runs(factory)), len(versions(factory))
    assert factory.record() == first
    assert (len(runs(factory)), len(versions(factory))) == before
    assert factory.record(context={**CONTEXT, "machine": "another"}) != first
    assert len(versions(factory)) == 2 * before[1]


def test_what_is_recorded_again_is_the_newest_again(factory: Factory):
    first = factory.record()
    second = factory.record(factory.compared(BY_SIZE))
    assert (compared(factory.uri).run_id, challenger(factory)) == (second, "nf4")
    factory.record()
    assert (compared(factory.uri).run_id, challenger(factory)) == (first, "onnx-int8")
    assert compared(factory.uri, second).comparison == factory.compared(BY_SIZE)


def test_a_registration_that_was_cut_off_is_completed(factory: Factory):
    factory.record()
    client = mlflow_client(factory.uri)
    client.delete_registered_model_alias(MODEL, "challenger")
    for version in versions(factory)[:3]:
        client.delete_model_version(MODEL, str(version.version))
    factory.record()
    assert len(versions(factory)) == len(MEASURED)
    assert challenger(factory) == "onnx-int8"


def test_a_variant_that_the_store_lost_stops_it_before_anything_is_written(factory: Factory):
    (folder,) = factory.store.root.glob(f"{factory.artifacts[2].digest}/*.safetensors")
    folder.unlink()
    with pytest.raises(ArtifactError, match="missing or cut off"):
        factory.record()
    assert mlflow_client(factory.uri).get_experiment_by_name(EXPERIMENT) is None


def test_nothing_compared_yet_is_a_users_mistake_and_makes_no_database(
    factory: Factory, tmp_path: Path
):
    with pytest.raises(UserError, match="run: rag models make"):
        compared(factory.uri)
    elsewhere = tmp_path / "none.db"
    with pytest.raises(UserError, match="run: rag models make"):
        compared(f"sqlite:///{elsewhere}")
    assert not elsewhere.exists()


@pytest.mark.parametrize("run", ["0" * 32, "no' run", ""])
def test_an_unknown_run_is_a_users_mistake(factory: Factory, run: str):
    factory.record()
    with pytest.raises(UserError, match="leave it out"):
        compared(factory.uri, run)
