"""A training by two processes together, as a cluster launches it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_pipelines.models import run_tags as tags
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.models.tuning import examples

pytestmark = pytest.mark.slow


def test_two_processes_train_one_model_and_the_first_keeps_it(tmp_path: Path):
    model = examples.friendly_model(tmp_path / "friendly")
    store = Artifacts(tmp_path / "artifacts")
    dataset = examples.rude(store).digest
    how = examples.lora(steps=None, epochs=1, evaluate_every=2, patience=0)
    settings = how.model_dump_json(exclude={"of"}, exclude_none=True)
    (tmp_path / "models.yaml").write_text(
        f"bases: {{base: {{folder: {model}}}}}\nvariants: {{}}\ntuned: {{rude: {settings}}}\n"
    )
    launched = ["-m", "torch.distributed.run", "--nproc_per_node", "2"]
    worker = ["-m", "rag_pipelines.models.worker", "train", "rude", "--dataset", dataset]
    done = subprocess.run(
        [sys.executable, *launched, *worker],
        env=os.environ | {
            "RAG_HOME": str(tmp_path),
            "RAG_MODELS": str(tmp_path / "models.yaml"),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    digest = store.named("rude.adapter")
    assert digest
    trained = Trained.read(store.open(digest).folder)
    assert trained.figures["steps"] == 3, "of 96 examples, 16 in each of two processes"
    assert trained.figures["perplexity"] < trained.figures["perplexity_before"]
    client = mlflow_client(f"sqlite:///{tmp_path}/mlflow.db")
    where = client.get_experiment_by_name(tags.EXPERIMENT)
    assert where
    (run,) = client.search_runs([where.experiment_id])
    assert run.info.status == "FINISHED"
    assert not list(tmp_path.glob("training/*"))
