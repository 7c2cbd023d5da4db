"""Measurements in the artifact store: made once for the same model, set and settings.

Knows what a figure depends on. What is computed stands in `quality`, `agreement` and `timing`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_pipelines.inference.causal import open_causal
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.agreement import measure_embedding, measure_reading
from rag_pipelines.models.config import Measure
from rag_pipelines.models.encoders import Encoder, open_reader
from rag_pipelines.models.evaluation import EvaluationSet
from rag_pipelines.models.likelihood import likelihoods
from rag_pipelines.models.quality import Values, measure_quality
from rag_pipelines.models.timing import machine, measure_timing
from rag_pipelines.models.tuning.data import opened
from rag_pipelines.models.versions import made_with
from rag_pipelines.records import Metric, ModelArtifact, Progress, no_progress
from rag_pipelines.storage.artifacts import Artifact, Artifacts, NotMade, Recipe

_FILE = "metrics.json"
_RUNTIMES = ("numpy", "onnxruntime", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class Measuring:
    """Measures the models of one store on one evaluation set, named by its digest."""

    artifacts: Artifacts
    evaluation: str
    measure: Measure
    progress: Progress = no_progress

    def quality(self, model: ModelArtifact) -> list[Metric]:
        """Perplexity and answers of a causal model, and agreement with the parent.

        The parent is measured first. Of an embedding model without one there is nothing to tell.
        """
        parent = self._parent(model)
        folder = parent.folder if parent else None
        made = self.artifacts.make(
            self._quality_recipe(model), lambda room: self._measure_quality(model, room, folder)
        )
        return _read(model, made)

    def timing(self, model: ModelArtifact, among: Sequence[str]) -> list[Metric]:
        """Latency, speed and memory, within one comparison: `among` are digests of all in it."""
        made = self.artifacts.make(
            self._timing_recipe(model, among), lambda room: self._measure_timing(model, room)
        )
        return [*_read(model, made), _metric(model, "bytes_on_disk", float(model.size), 0.0)]

    def likelihoods(self, model: ModelArtifact, dataset: str, most: int) -> dict[str, float]:
        """Nats a token of the answers of a dataset's test split, at most so many of them, by id."""
        recipe = {
            "measured": "likelihood",
            "model": model.digest,
            "dataset": dataset,
            "most": most,
            "made_with": made_with(*_RUNTIMES),
        }
        made = self.artifacts.make(
            recipe, lambda room: self._measure_likelihoods(model, dataset, most, room)
        )
        return dict(json.loads((made.folder / _FILE).read_text()))

    def quality_folder(self, model: ModelArtifact) -> Path:
        """Where the answers of a model whose quality was measured lie. Raises `NotMade`."""
        found = self.artifacts.find(self._quality_recipe(model))
        if found is None:
            raise NotMade(f"the quality of {model.variant} was not measured; run: rag models make")
        return found.folder

    def _timing_recipe(self, model: ModelArtifact, among: Sequence[str]) -> Recipe:
        """What a timing depends on: the machine, and the comparison that it belongs to."""
        return self._recipe("timing", model) | {
            "machine": machine(),
            "among": sorted(among),
        }

    def _quality_recipe(self, model: ModelArtifact) -> Recipe:
        return self._recipe("quality", model) | {"parent": model.parent}

    def _recipe(self, kind: str, model: ModelArtifact) -> dict[str, Any]:
        return {
            "measured": kind,
            "model": model.digest,
            "evaluation": self.evaluation,
            "settings": self.measure.model_dump(),
            "made_with": made_with(*_RUNTIMES),
        }

    def _parent(self, model: ModelArtifact) -> Artifact | None:
        """Where what the model is held against lies."""
        if not model.parent:
            return None
        parent = ModelArtifact(
            variant="", digest=model.parent, parent="", method="base", task=model.task, size=0
        )
        return self.artifacts.make(
            self._quality_recipe(parent), lambda room: self._measure_quality(parent, room, None)
        )

    def _measure_quality(self, model: ModelArtifact, room: Path, parent: Path | None) -> None:
        folder, threads = self.artifacts.open(model.digest).folder, self.measure.threads
        asked, measure, tell = self._asked(), self.measure, self.progress
        match model.task:
            case "embed":
                encoder = Encoder(folder, threads)
                values = measure_embedding(encoder, asked, measure, room, parent, tell)
            case "answer":
                reader = open_reader(folder, threads)
                values = measure_reading(reader, asked, room, parent, tell)
            case _:
                causal, tokenizer = open_causal(folder, threads), ChatTokenizer(folder)
                values = measure_quality(causal, tokenizer, asked, measure, room, parent, tell)
        _write(values, room)

    def _measure_timing(self, model: ModelArtifact, room: Path) -> None:
        folder = self.artifacts.open(model.digest).folder
        values = measure_timing(
            lambda: open_causal(folder, self.measure.threads),
            ChatTokenizer(folder),
            self._asked(),
            self.measure,
            self.progress,
        )
        _write(values, room)

    def _measure_likelihoods(
        self, model: ModelArtifact, dataset: str, most: int, room: Path
    ) -> None:
        folder = self.artifacts.open(model.digest).folder
        examples = opened(dataset, self.artifacts).examples("test")[:most]
        causal, tokenizer = open_causal(folder, self.measure.threads), ChatTokenizer(folder)
        found = likelihoods(causal, tokenizer, examples, self.progress)
        (room / _FILE).write_text(json.dumps(found, indent=1))

    def _asked(self) -> EvaluationSet:
        return EvaluationSet.read(self.artifacts.open(self.evaluation).folder)


def _write(values: Values, room: Path) -> None:
    (room / _FILE).write_text(json.dumps(values, indent=1))


def _read(model: ModelArtifact, made: Artifact) -> list[Metric]:
    told: dict[str, tuple[float, float]] = json.loads((made.folder / _FILE).read_text())
    return [_metric(model, name, *value) for name, value in told.items()]


def _metric(model: ModelArtifact, name: str, value: float, spread: float) -> Metric:
    return Metric(variant=model.variant, digest=model.digest, name=name, value=value, spread=spread)
