"""Adapters asked for by their names in `models.yaml`: merged, made into variants, and killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from rag_pipelines.models.config import BaseSource, Models, Variant
from rag_pipelines.models.making import Factory
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.models.tuning import examples

STEPS = 60
KILLED = examples.lora(steps=STEPS, evaluate_every=10, patience=0, learning_rate=1e-3)


def factory_of(home: Path, parent: Path) -> Factory:
    models = Models(
        bases={"base": BaseSource(folder=parent)},
        tuned={"rude": KILLED, "short": examples.lora(steps=8)},
        variants={name: Variant(method=name, of="short") for name in ("nf4", "onnx-fp32")},
    )
    return Factory(models, Artifacts(home / "artifacts"), offline=True)


def test_a_merged_adapter_is_made_into_variants(parent: Path, tmp_path: Path):
    factory = factory_of(tmp_path, parent)
    data = examples.rude(factory.artifacts)
    adapter = factory.train("short", data.digest)
    merged = factory.merge("short")
    assert factory.artifacts.open(merged.digest).recipe["adapter"] == adapter.digest
    assert merged.dataset == data.digest
    for name in ("nf4", "onnx-fp32"):
        made = factory.make(name)
        assert (made.method, made.made_of, made.dataset) == (name, merged.digest, data.digest)


def test_a_killed_training_goes_on_and_ends_as_one_that_was_not(parent: Path, tmp_path: Path):
    killed, whole = (factory_of(tmp_path / name, parent) for name in ("killed", "whole"))
    data = examples.rude(killed.artifacts)
    kill_after_a_checkpoint(tmp_path / "killed", parent, data.digest)
    assert killed.artifacts.named("rude.adapter") is None
    assert examples.rude(whole.artifacts).digest == data.digest
    begun: list[int] = []

    def curve(step: int, figures: Mapping[str, float]) -> None:
        begun.append(step)

    resumed = Factory(killed.models, killed.artifacts, True, curve=curve).train("rude", data.digest)
    other = whole.train("rude", data.digest)
    assert min(begun) > 10, "it went on from a checkpoint"
    recipes = [
        one.artifacts.open(made.digest).recipe for one, made in ((killed, resumed), (whole, other))
    ]
    assert recipes[0] == recipes[1]
    told, others = (
        Trained.read(one.artifacts.open(made.digest).folder)
        for one, made in ((killed, resumed), (whole, other))
    )
    assert told.figures["steps"] == others.figures["steps"] == STEPS
    assert [p["step"] for p in told.curves] == [p["step"] for p in others.curves]
    assert told.figures["eval_loss"] == pytest.approx(others.figures["eval_loss"], abs=1e-3)


def kill_after_a_checkpoint(home: Path, parent: Path, dataset: str) -> None:
    config = home / "models.yaml"
    settings = KILLED.model_dump_json(exclude={"of"})
    config.write_text(
        f"bases: {{base: {{folder: {parent}}}}}\nvariants: {{}}\ntuned: {{rude: {settings}}}\n"
    )
    train = ["-m", "rag_pipelines.models.worker", "train", "rude", "--dataset", dataset]
    worker = subprocess.Popen(
        [sys.executable, *train],
        env=os.environ | {"RAG_HOME": str(home), "RAG_MODELS": str(config)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not list(home.glob("training/*/checkpoint-*/trainer_state.json")):
            assert worker.poll() is None, "it ended before its first checkpoint"
            time.sleep(0.02)
    finally:
        worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
