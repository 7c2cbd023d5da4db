"""`rag models` as it is, in processes of its own."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from rag_pipelines.models.config import Models, Weights
from rag_pipelines.models.run_tags import MODEL
from rag_pipelines.models.tracked import compared
from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.cli.test_keys import rag
from rag_pipelines_tests.models.factory import MEASURED, WANTED, Factory

YAML = """
variants:
  nf4: {method: nf4}
  int8: {method: int8}
  onnx-int4: {method: onnx-int4}
"""


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    """A state folder with a comparison by size, and after it one as the default weights have it."""
    home = tmp_path_factory.mktemp("home")
    factory = Factory(home, f"sqlite:///{home}/mlflow.db")
    factory.record(
        factory.compared(
            Models(variants=WANTED, weights=Weights(quality=0, answers=0, speed=0, size=1))
        )
    )
    factory.record()
    return factory


def told(home: Path, *arguments: str, **ours: str) -> Any:
    done = rag(home, "models", *arguments, "--json", **ours)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_compare_says_as_json_what_the_design_promises(factory: Factory):
    said = told(factory.root, "compare")
    recorded = compared(factory.uri)
    assert set(said) == {"variants", "champion", "challenger", "verdict"}
    assert [row["name"] for row in said["variants"]][:2] == ["onnx-int8", "onnx-fp32"]
    assert {row["name"] for row in said["variants"]} == set(MEASURED)
    for row, made in zip(said["variants"], recorded.comparison.rows, strict=True):
        assert set(row) == {"name", "metrics", "digest", "run_id"}
        assert row["run_id"] == recorded.run_ids[row["name"]]
        assert row["digest"] == made.digest
        assert row["metrics"] == {name: f.value for name, f in made.figures.items()}
    assert (said["champion"], said["challenger"]) == (None, "onnx-int8")
    assert said["verdict"]["winner"] == "onnx-int8"
    assert "31 %" in said["verdict"]["disqualified"]["onnx-int4"]


def test_compare_shows_a_person_every_variant_and_the_reason(factory: Factory):
    done = rag(factory.root, "models", "compare", COLUMNS="140")
    assert (done.returncode, done.stderr) == (0, "")
    for shown in (*MEASURED, "14.61 ± 0.61", "perplexity", "champion: none"):
        assert shown in done.stdout
    assert factory.compared().verdict.reason in done.stdout


def test_compare_reads_an_older_comparison_and_names_the_champion(factory: Factory):
    client = mlflow_client(factory.uri)
    (old,) = client.search_runs(["1"], "tags.kind = 'comparison' and tags.verdict = 'nf4'")
    client.set_registered_model_alias(MODEL, "champion", "1")
    said = told(factory.root, "compare", "--run", old.info.run_id)
    version = client.get_model_version(MODEL, "1")
    client.delete_registered_model_alias(MODEL, "champion")
    assert said["variants"][0]["name"] == "nf4"
    assert said["champion"] == version.tags["variant"]


def test_compare_before_anything_was_compared_says_what_to_run(tmp_path: Path):
    done = rag(tmp_path, "models", "compare")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "rag: Nothing was compared yet; run: rag models make\n"
    assert not (tmp_path / "mlflow.db").exists()


def test_compare_with_mlflow_down_says_where_it_looked(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = f"http://ann:canary@127.0.0.1:{port}"
    done = rag(tmp_path, "models", "compare", MLFLOW_TRACKING_URI=address)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"http://ann:***@127.0.0.1:{port}" in done.stderr
    assert "canary" not in done.stderr
    assert "Traceback" not in done.stderr


def test_list_tells_what_is_made_damaged_or_not_made(factory: Factory):
    (factory.root / "models.yaml").write_text(YAML)
    made = {artifact.variant: artifact for artifact in factory.artifacts}
    for name in ("base", "nf4", "int8"):
        factory.store.name(name, made[name].digest)
    (weights,) = factory.store.open(made["nf4"].digest).folder.glob("*.safetensors")
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1])
    said = told(factory.root, "list")["variants"]
    shown = rag(factory.root, "models", "list")
    weights.write_bytes(kept)
    states = {row["name"]: (row["method"], row["of"], row["state"]) for row in said}
    assert states == {
        "base": ("base", None, "made"),
        "nf4": ("nf4", "base", "damaged"),
        "int8": ("int8", "base", "made"),
        "onnx-int4": ("onnx-int4", "base", "not made"),
    }
    digests = {row["name"]: (row["digest"], row["size"]) for row in said}
    assert digests["int8"] == (made["int8"].digest, len("weights of int8"))
    assert digests["onnx-int4"] == (None, None)
    for line in ("damaged", "not made", made["int8"].digest[:12]):
        assert line in shown.stdout


def test_a_mistake_in_the_file_of_models_is_told_with_its_line(tmp_path: Path):
    (tmp_path / "models.yaml").write_text("variants:\n  nf4: {method: nf5}\n")
    done = rag(tmp_path, "models", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "models.yaml:2" in done.stderr


def test_prune_keeps_what_is_named_served_or_in_mlflow_and_tells_the_bytes(factory: Factory):
    made = {artifact.variant: artifact.digest for artifact in factory.artifacts}
    named = set(factory.store.names().values())
    pointer = {"release": "v000001-000000000000", "generation": 1, "reason": "", "rejected": []}
    served = {"name": "transformers:onnx-fp32", "digest": made["onnx-fp32"]}
    (factory.root / "releases").mkdir()
    (factory.root / "releases" / "current.json").write_text(
        json.dumps(pointer | {"model": served, "written_at": ""})
    )
    kept = named | {made["onnx-fp32"], made["onnx-int8"]}  # the latter is the challenger
    gone = {one.digest: one.size for one in factory.store.all() if one.digest not in kept}
    assert gone
    told_only = told(factory.root, "prune", "--dry-run")
    assert {one["digest"]: one["bytes"] for one in told_only["artifacts"]} == gone
    assert (told_only["removed"], told_only["bytes"]) == (False, sum(gone.values()))
    assert set(gone) < {one.digest for one in factory.store.all()}
    done = rag(factory.root, "models", "prune")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == (
        f"{len(gone)} artifacts, {sum(gone.values()):,} bytes freed"
    )
    assert {one.digest for one in factory.store.all()} == kept
