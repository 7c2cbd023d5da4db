"""Trainings in a real MLflow."""

from typing import Any

import pytest

from rag_pipelines.errors import TrackingError
from rag_pipelines.models import run_tags as tags
from rag_pipelines.models.tuning.config import LoraTuning
from rag_pipelines.models.tuning.tracking import TrainingRun
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.models.factory import artifact

TRAINED = Trained(
    [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0, "eval_loss": 2.5}], {"perplexity": 12.2}
)


@pytest.fixture
def uri(home) -> str:
    return f"sqlite:///{home}/mlflow.db"


def training(uri: str, home, rank: int = 4) -> TrainingRun:
    return TrainingRun("lora", LoraTuning(method="lora", rank=rank), "d" * 64, uri, home / "mlflow")


def runs(uri: str) -> list[Any]:
    client = mlflow_client(uri)
    experiment = client.get_experiment_by_name(tags.EXPERIMENT)
    assert experiment
    return list(client.search_runs([experiment.experiment_id]))


def test_curves_are_there_before_the_training_has_ended(uri, home):
    run = training(uri, home)
    run.curve(1, {"loss": 3.0})
    run.curve(2, {"loss": 2.0})
    (found,) = runs(uri)
    assert found.info.status == "RUNNING"
    history = mlflow_client(uri).get_metric_history(found.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 3.0), (2, 2.0)]
    assert found.data.params["rank"] == "4"
    assert found.data.params["dataset"] == "d" * 64


def test_what_was_killed_goes_on_in_its_run_and_ends_with_its_curves(uri, home):
    training(uri, home).curve(1, {"loss": 3.0})  # and was killed
    again = training(uri, home)
    again.curve(2, {"loss": 2.0})
    again.finish(artifact("lora"), TRAINED)
    (found,) = runs(uri)
    assert found.info.status == "FINISHED"
    assert found.data.metrics["perplexity"] == 12.2
    assert found.data.tags[tags.DIGEST] == artifact("lora").digest
    files = {file.path for file in mlflow_client(uri).list_artifacts(found.info.run_id)}
    assert files == {"training.json", "curves.png"}


def test_other_settings_are_another_run(uri, home):
    training(uri, home).curve(1, {"loss": 3.0})
    training(uri, home, rank=8).curve(1, {"loss": 3.0})
    assert len(runs(uri)) == 2


def test_a_training_that_failed_is_marked_so(uri, home):
    run = training(uri, home)
    run.curve(1, {"loss": 3.0})
    run.fail()
    assert [found.info.status for found in runs(uri)] == ["FAILED"]


def test_nothing_is_recorded_of_a_training_that_told_nothing(uri, home):
    run = training(uri, home)
    run.finish(artifact("lora"), TRAINED)
    run.fail()
    assert mlflow_client(uri).get_experiment_by_name(tags.EXPERIMENT) is None


def test_a_database_that_cannot_be_written_is_told_with_the_remedy(home):
    run = training("sqlite:////dev/full", home)
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_URI"):
        run.curve(1, {"loss": 3.0})
