"""The model graph as a person runs it: `rag models make`, and what Dagster and MLflow say of it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.end_to_end.installation import (
    TOPICS,
    Installation,
    Site,
    sentence_of,
    website,
)
from rag_pipelines_tests.models.tiny import tiny_chat_model
from rag_pipelines_tests.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.slow

MODELS = """\
bases:
  base: {folder: tiny}
  pickled: {folder: pickled}
variants:
  int8: {method: int8, perplexity_loss: 1}
  onnx-int8: {method: onnx-int8, perplexity_loss: 1}
measure: {questions: 2, answer_tokens: 8, text_tokens: 512, window: 64, repeats: 3}
"""
GOOD = MODELS.replace("  pickled: {folder: pickled}\n", "")


@pytest.fixture(scope="module")
def disk(tmp_path_factory) -> Iterator[SmallDisk]:
    """Where the artifacts of the installation are kept."""
    home = tmp_path_factory.mktemp("factory") / "home"
    home.mkdir()
    with small_disk(home / "artifacts", 96 << 20) as made:
        yield made


@pytest.fixture(scope="module")
def ingested(disk: SmallDisk, models: Path) -> Installation:
    """A small site with golden questions, ingested, and a tiny model beside it."""
    folder = disk.path.parent.parent
    site = Site(folder / "site")
    for name in TOPICS[:10]:
        site.write(name, " ".join([sentence_of(name)] * 6))
    made = Installation(folder)
    made.use_models(models)
    made.sources("sources:\n" + website("log", site.url))
    golden = [
        {"question": f"When was the {name} made?",
         "expect": [{"url": f"{site.url}{name}.html", "quote": f"The {name} of this ship"}]}
        for name in TOPICS[:2]
    ]  # fmt: skip
    (folder / "golden.yaml").write_text(json.dumps(golden))
    made.rag("ingest", "--all")
    site.close()
    tiny_chat_model(folder / "tiny")
    return made


def wanted(installation: Installation, text: str) -> None:
    (installation.folder / "models.yaml").write_text(text)


def artifacts(installation: Installation) -> dict[str, float]:
    """What is there, half-made things included, and when it was made."""
    folders = [*(installation.home / "artifacts").glob("?" * 64)]
    folders += (installation.home / "artifacts").rglob(".tmp*")
    return {folder.name: folder.stat().st_mtime for folder in folders}


def test_variants_are_made_measured_compared_and_found_again(ingested: Installation):
    wanted(ingested, GOOD)
    done = ingested.run("models", "make", "--json")
    assert done.returncode == 0, done.stderr
    for stage in ("base: resolve base", "onnx-int8: make onnx-fp32", "onnx-int8: perplexity"):
        assert stage in done.stderr
    said = json.loads(done.stdout)
    named = {variant["name"]: variant for variant in said["variants"]}
    assert set(named) == {"base", "int8", "onnx-int8"}
    assert said["challenger"] == said["verdict"]["winner"]
    assert said["champion"] is None
    for variant in named.values():
        figures = variant["metrics"]
        assert figures["perplexity"] > 1
        assert figures["tokens_per_cpu_second"] > 0
        assert figures["bytes_on_disk"] > 0
        assert 0 <= figures["answer_f1"] <= 1
    assert "agreement_greedy" not in named["base"]["metrics"]
    assert named["onnx-int8"]["metrics"]["agreement_top1"] > 0.5

    before = artifacts(ingested)
    assert ingested.rag("models", "make") == said
    assert artifacts(ingested) == before
    listed = {row["name"]: row for row in ingested.rag("models", "list")["variants"]}
    assert listed["int8"]["digest"] == named["int8"]["digest"]


def test_a_full_disk_costs_the_variant_alone_and_mends(ingested: Installation, disk: SmallDisk):
    """Row F11. What is named and compared stays what it was."""
    store = Artifacts(ingested.home / "artifacts")
    before, compared = (artifacts(ingested), store.names()), ingested.rag("models", "compare")
    assert set(before[1]) == {"base", "int8", "onnx-int8"}
    wanted(ingested, GOOD.replace("onnx-int8: {method: onnx-int8", "onnx-int8: {method: onnx-int4"))
    disk.fill(64 << 10)
    done = ingested.run("models", "make", "onnx-int8")
    disk.empty()
    assert done.returncode == 1
    assert re.search(r"failed onnx-int8: .* is full; make room on it and run again", done.stderr)
    assert "Traceback" not in done.stderr
    assert (artifacts(ingested), store.names()) == before
    assert ingested.rag("models", "compare") == compared
    assert json.loads(worked(ingested, "make", "onnx-int8").stdout)[0]["method"] == "onnx-int4"


def test_a_variant_answers_a_question(ingested: Installation):
    wanted(ingested, GOOD)
    ingested.rag("models", "make", "onnx-int8")
    done = ingested.run(
        "ask", "When was the anchor made?", "--json", RAG_GENERATOR="onnx:onnx-int8"
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    # Random weights say nothing that a passage supports: the passages' own sentences stand in.
    assert answer["usage"]["completion_tokens"] > 0
    assert "1871" in answer["answer"]


def test_what_cannot_be_made_is_told_and_nothing_of_it_is_registered(ingested: Installation):
    wanted(ingested, MODELS)
    folder = ingested.folder / "pickled"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    before = artifacts(ingested)
    done = ingested.run("models", "make")
    assert done.returncode == 1
    assert "pytorch_model.bin and no safetensors" in done.stderr
    assert "Traceback" not in done.stderr
    assert artifacts(ingested) == before


def test_a_mistake_in_models_yaml_is_told_with_its_line(ingested: Installation):
    wanted(ingested, "bases: {base: {folder: tiny}}\nvariants: {int8: {method: int9}}\n")
    done = ingested.run("models", "make")
    assert done.returncode == 2
    assert "models.yaml:2: variants.int8.method: found 'int9'" in done.stderr


def test_a_worker_that_is_killed_leaves_nothing_and_the_next_one_makes_it(ingested: Installation):
    tiny_chat_model(ingested.folder / "another", seed=1)
    wanted(ingested, "bases: {base: {folder: another}}\nvariants: {graph: {method: onnx-fp32}}\n")
    command = [sys.executable, "-m", "rag_pipelines.models.worker", "make", "graph"]
    worker = subprocess.Popen(command, env=ingested.variables, cwd=ingested.folder)
    root = ingested.home / "artifacts"
    while not list(root.glob(f".tmp-{worker.pid}-*")):
        assert worker.poll() is None
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    left = list(root.glob(f".tmp-{worker.pid}-*"))
    assert left
    done = worked(ingested, "make", "graph")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["method"] == "onnx-fp32"
    assert not any(folder.exists() for folder in left)


def test_a_worker_that_is_asked_to_end_removes_what_is_half_made(ingested: Installation):
    wanted(ingested, "bases: {base: {folder: tiny}}\nvariants: {other: {method: nf4}}\n")
    command = [sys.executable, "-m", "rag_pipelines.models.worker", "make", "other"]
    worker = subprocess.Popen(command, env=ingested.variables, cwd=ingested.folder)
    root = ingested.home / "artifacts"
    while not list(root.glob(f".tmp-{worker.pid}-*")):
        assert worker.poll() is None
        time.sleep(0.02)
    worker.terminate()
    assert worker.wait(60) == 128 + signal.SIGTERM
    assert not list(root.glob(f".tmp-{worker.pid}-*"))


def test_a_worker_beyond_its_memory_says_so_and_the_next_one_removes_its_rest(
    ingested: Installation,
):
    made = "bases: {base: {folder: tiny}, large: {gguf: smollm2}}\n"
    wanted(ingested, f"{made}variants: {{rest: {{method: nf4}}}}\nmemory_bytes: 500000000\n")
    before = artifacts(ingested)
    done = worked(ingested, "make", "large")
    assert done.returncode == 2
    assert "memory_bytes in models.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert all(name.startswith(".tmp-") for name in artifacts(ingested).keys() - before.keys())
    wanted(ingested, f"{made}variants: {{rest: {{method: nf4}}}}\n")
    assert worked(ingested, "make", "rest").returncode == 0
    assert not list((ingested.home / "artifacts").glob(".tmp-*"))


def worked(installation: Installation, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "rag_pipelines.models.worker", *arguments],
        env=installation.variables,
        cwd=installation.folder,
        capture_output=True,
        text=True,
        timeout=240,
    )
