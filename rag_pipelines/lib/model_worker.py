"""Models made and measured in worker processes below a Dagster step, and found where they are.

Nothing is started for what was made before. What a worker does stands in `models.worker`.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import dagster as dg

from rag_pipelines.errors import ArtifactError
from rag_pipelines.lib.model_evaluation import evaluation_set
from rag_pipelines.lib.progress import both, labelled, logged
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.worker_progress import ProgressReader
from rag_pipelines.models.config import Models
from rag_pipelines.models.making import Factory
from rag_pipelines.models.measuring import Measuring
from rag_pipelines.models.worker import FAILED, log_of
from rag_pipelines.records import Metric, ModelArtifact
from rag_pipelines.storage.artifacts import Artifacts, NotMade

_PREVIEW = "Function `PipesMessageReader"
"""Dagster warns of a function of its own that its own client calls."""
_WORKER = "rag_pipelines.models.worker"
_LAUNCHER = "accelerate.commands.accelerate_cli"


class ModelWorker:
    """What the steps of the model graph ask for. Raises `dg.Failure` with the worker's reason."""

    def __init__(self, context: dg.AssetExecutionContext, project: Project) -> None:
        self._context, self._project = context, project
        self.models: Models = project.models
        self._found = Artifacts(project.settings.artifacts, frozen=True)

    @cached_property
    def evaluation(self) -> str:
        """Digest of the evaluation set of now. Raises `UserError` where nothing is published."""
        found = evaluation_set(self._project, self.models.measure)
        return found.kept(Artifacts(self._project.settings.artifacts)).digest

    def make(self, name: str) -> tuple[ModelArtifact, bool]:
        """A base or a variant, and whether it was made before."""
        return self._made(lambda factory: factory.make(name), "make", name)

    def train(self, name: str, dataset: str) -> tuple[ModelArtifact, bool]:
        """A model of the table `tuned`, or its adapter, and whether it was trained before."""
        told = ("train", name, "--dataset", dataset)
        return self._made(lambda factory: factory.train(name, dataset), *told)

    def merge(self, name: str) -> tuple[ModelArtifact, bool]:
        """The model that a trained adapter makes, and whether it was made before."""
        return self._made(lambda factory: factory.merge(name), "merge", name)

    def quality(self, model: ModelArtifact) -> list[Metric]:
        """How good it is, on the evaluation set of now."""
        try:
            return self._measuring.quality(model)
        except NotMade:
            self._run("quality", model.variant, *self._set)
            return self._measuring.quality(model)

    def timing(self, model: ModelArtifact, among: Sequence[str]) -> list[Metric]:
        """How fast and how large it is, compared with the models of these digests."""
        try:
            return self._measuring.timing(model, among)
        except NotMade:
            self._run("timing", model.variant, *self._set, "--among", *among)
            return self._measuring.timing(model, among)

    def likelihoods(self, model: ModelArtifact, dataset: str) -> dict[str, float]:
        """Nats a token of held-out answers, by id: see `Measuring.likelihoods`."""
        most = self.models.gate.most_examples
        try:
            return self._measuring.likelihoods(model, dataset, most)
        except NotMade:
            self._run("likelihood", model.variant, *self._set, "--dataset", dataset)
            return self._measuring.likelihoods(model, dataset, most)

    def answers(self, model: ModelArtifact) -> Path:
        """The folder with a model's answers to golden questions. Raises `NotMade`."""
        return self._measuring.quality_folder(model)

    def _made(
        self, find: Callable[[Factory], ModelArtifact], *arguments: str
    ) -> tuple[ModelArtifact, bool]:
        try:
            return find(self._factory), True
        except NotMade:
            self._run(*arguments)
            return find(self._factory), False
        except ArtifactError as error:
            raise dg.Failure(str(error)) from error

    @property
    def _factory(self) -> Factory:
        return Factory(self.models, self._found, self._project.settings.hf_hub_offline)

    @property
    def _measuring(self) -> Measuring:
        return Measuring(self._found, self.evaluation, self.models.measure)

    @property
    def _set(self) -> list[str]:
        return ["--evaluation", self.evaluation]

    def _launcher(self, work: str) -> list[str]:
        """What starts the worker once for each device, where `models.yaml` says so."""
        if work != "train" or self.models.accelerate is None:
            return []
        return ["-m", _LAUNCHER, "launch", "--config_file", str(self.models.accelerate)]

    def _run(self, *arguments: str) -> None:
        """Have a worker do it. What it made lies in the store."""
        tell = both(self._project.progress, logged(self._context.log.info))
        reader = ProgressReader(labelled(tell, arguments[1]))
        client = dg.PipesSubprocessClient(message_reader=reader, forward_stdio=False)
        command = [sys.executable, *self._launcher(arguments[0]), "-m", _WORKER, *arguments]
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", _PREVIEW, dg.PreviewWarning)
                done = client.run(command=command, context=self._context)
        except Exception as error:  # what it raises here is no public class of Dagster
            raise dg.Failure(
                f"the worker for {arguments[1]} did not live ({error}): see "
                f"{log_of(self._project.settings.home)}; where memory ran out, set memory_bytes "
                "in models.yaml, or take a smaller base"
            ) from error
        for said in done.get_custom_messages():
            if FAILED in said:
                raise dg.Failure(str(said[FAILED]))
