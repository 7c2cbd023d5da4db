"""A training in MLflow: a run whose curves grow as it goes on.

One that was killed goes on in the run it had. Weights stay in the artifact store.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rag_pipelines.models import run_tags as tags
from rag_pipelines.models.tracking import experiment
from rag_pipelines.models.tuning.config import Tuning
from rag_pipelines.models.tuning.curves import curves_png
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.records import ModelArtifact
from rag_pipelines.storage.mlflow_store import mlflow_client, speaking_to

_DOING = "Recording the training"


class TrainingRun:
    """The run of one training, begun with the first figure that it is told.

    Raises `TrackingError` where MLflow is down or full: what was trained until then is kept, and
    the same command goes on.
    """

    def __init__(self, name: str, tuning: Tuning, dataset: str, uri: str, files: Path) -> None:
        """Files go below `files` unless a server keeps the runs."""
        self._name, self._tuning, self._dataset = name, tuning, dataset
        self._uri, self._files = uri, files
        self._client: Any = None
        self._run = ""

    def curve(self, step: int, figures: Mapping[str, float]) -> None:
        """Log the figures of a step."""
        from mlflow.entities import Metric

        with speaking_to(self._uri, _DOING):
            if not self._run:
                self._begin()
            now = time.time_ns() // 1_000_000
            told = [Metric(name, float(value), now, step) for name, value in figures.items()]
            self._client.log_batch(self._run, metrics=told)

    def finish(self, model: ModelArtifact, trained: Trained) -> None:
        """Log what it came to, with its curves as a picture; nothing where nothing was trained."""
        if not self._run:
            return
        from mlflow.entities import Metric, RunTag

        now = time.time_ns() // 1_000_000
        with speaking_to(self._uri, _DOING):
            told = [Metric(name, value, now, 0) for name, value in trained.figures.items()]
            made = [RunTag(tags.DIGEST, model.digest), RunTag(tags.PARENT, model.made_of)]
            self._client.log_batch(self._run, metrics=told, tags=made)
            with TemporaryDirectory() as room:
                trained.write(Path(room))
                (Path(room) / "curves.png").write_bytes(curves_png(trained, self._name))
                self._client.log_artifacts(self._run, room)
            self._client.set_terminated(self._run, "FINISHED")

    def fail(self) -> None:
        """Mark the run as failed, where there is one and MLflow can be reached."""
        if self._run:
            with suppress(Exception):  # the first error is told
                self._client.set_terminated(self._run, "FAILED")

    def _begin(self) -> None:
        self._client = mlflow_client(self._uri)
        where = experiment(self._client, self._uri, self._files)
        settings = self._tuning.model_dump()
        told = json.dumps([self._name, settings, self._dataset], sort_keys=True)
        key = sha256(told.encode()).hexdigest()
        left = self._client.search_runs(
            [where], f"tags.{tags.TRAINING} = '{key}' and attributes.status != 'FINISHED'"
        )
        if left:
            self._run = left[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        named = {tags.KIND: tags.OF_TRAINING, tags.VARIANT: self._name, tags.TRAINING: key}
        also = {tags.DATASET: self._dataset, tags.SOURCE: "rag models tune"}
        run = self._client.create_run(where, tags=named | also, run_name=f"training: {self._name}")
        self._run = run.info.run_id
        for name, value in {**settings, "dataset": self._dataset}.items():
            self._client.log_param(self._run, name, tags.fitting(str(value)))
