"""A comparison in MLflow: a run for it, below that one for each variant, and its registered models.

Knows what is written and in which order. Model files stay in the artifact store: MLflow gets
figures, cards and manifests. What is read back is in `models.tracked`.
"""

import json
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rag_pipelines.errors import TrackingError
from rag_pipelines.models import run_tags as tags
from rag_pipelines.models.cards import as_json, as_markdown, model_card
from rag_pipelines.models.comparison import Comparison
from rag_pipelines.models.figures import SPREAD
from rag_pipelines.models.pareto import pareto_png
from rag_pipelines.models.registry import CARD_FOLDER, register
from rag_pipelines.models.scoring import Row
from rag_pipelines.models.tuning.data import opened
from rag_pipelines.records import ModelArtifact
from rag_pipelines.storage.artifacts import MANIFEST, Artifacts
from rag_pipelines.storage.durable import read_json
from rag_pipelines.storage.mlflow_store import (
    experiment_of,
    is_served,
    mlflow_client,
    speaking_to,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

Context = Mapping[str, str | int | float]
"""Conditions of the measurements: release, digest of the evaluation, machine, seed, threads, …"""
Files = Mapping[str, str | bytes]
"""Contents by name."""
ALSO_TAGS = ("machine", "release")
"""Conditions that runs are searched by besides being parameters."""
PATIENCE_SECONDS = 300.0
"""How long a comparison may take to be written."""
_ABOUT = (
    "Variants of local models, measured the same way. A row is a comparison, with its variants."
)


def record(
    comparison: Comparison,
    artifacts: Sequence[ModelArtifact],
    context: Context,
    store: Artifacts,
    uri: str,
    artifact_root: Path,
    patience: float = PATIENCE_SECONDS,
) -> str:
    """Record a comparison with its variants, register them, and return the comparison's run id.

    What was recorded already is not recorded again, but its winner becomes the challenger anew.
    Files go below `artifact_root` unless a server keeps the runs. All of it may take `patience`
    seconds, give or take a variant, and each call of a server 20. The order is: variants, the
    comparison, versions, the alias. A comparison of which a part failed is marked as failed, and
    nothing of it is registered; doing it again records it whole.

    Raises `TrackingError` where MLflow is down, too slow or full, and `ArtifactError` where the
    store lacks a variant.
    """
    report, cards = _report(comparison), _cards(comparison, artifacts, context, store)
    digest = _digest(comparison, artifacts, context)
    with speaking_to(uri, "Recording the comparison"):
        client = mlflow_client(uri)
        where = experiment(client, uri, artifact_root)
        writing = _Writing(client, where, comparison, digest, context, patience)
        run = writing.finished() or writing.write(report, cards)
        register(client, comparison, run, digest, _learned(artifacts, store))
        client.set_tag(run, tags.RECORDED_AT, _now())
    return run


def experiment(client: "MlflowClient", uri: str, artifact_root: Path) -> str:
    """The id of the experiment `models`, which is made where it is not there."""
    about = {tags.NOTE: _ABOUT, tags.EXPERIMENT_KIND: "custom_model_development"}
    files = None if is_served(uri) else artifact_root / tags.EXPERIMENT
    return experiment_of(client, tags.EXPERIMENT, files, about)


@dataclass
class _Writing:
    """One comparison on its way into an experiment."""

    client: "MlflowClient"
    experiment: str
    comparison: Comparison
    digest: str
    context: Context
    patience: float

    def finished(self) -> str | None:
        """The run of the same comparison, where it was recorded whole."""
        found = self._runs(f"tags.{tags.KIND} = '{tags.OF_COMPARISON}'", "FINISHED")
        return found[0] if found else None

    def write(self, report: Files, cards: Mapping[str, Files]) -> str:
        """Write the runs: that of the comparison is finished last."""
        for left in self._runs(f"tags.{tags.KIND} != ''", "RUNNING"):
            self.client.set_terminated(left, "FAILED")  # of an attempt that was killed
        deadline = time.monotonic() + self.patience
        name = f"comparison: {self.comparison.verdict.winner or 'no winner'}"
        with self._run(name, tags.OF_COMPARISON, self._verdict()) as run:
            for row in reversed(self.comparison.rows):  # MLflow's page shows the newest first
                self._in_time(deadline)
                self._variant(run, row, cards[row.variant])
            self._log(run, self._conditions() | self._weights(), {})
            self._files(run, report)
        return run

    def _variant(self, parent: str, row: Row, card: Files) -> None:
        told = {
            tags.PARENT_RUN: parent,
            tags.VARIANT: row.variant,
            tags.DIGEST: row.digest,
            **({tags.DISQUALIFIED: tags.fitting(row.disqualified)} if row.disqualified else {}),
            **({tags.RANK: str(row.rank)} if row.rank else {}),
        }
        made = {tags.METHOD: row.method, tags.BASE: self.comparison.base}
        made |= {tags.PARENT: row.parent} if row.parent else {}
        with self._run(row.variant, tags.OF_VARIANT, told) as run:
            self._log(run, made | self._conditions(), _metrics(row))
            self._files(run, card, CARD_FOLDER)

    @contextmanager
    def _run(self, name: str, kind: str, told: Mapping[str, str]) -> Generator[str]:
        """A run that is finished where all inside went well, and failed where it did not."""
        common = {tags.KIND: kind, tags.COMPARISON: self.digest, tags.SOURCE: "rag models make"}
        also = {key: str(self.context[key]) for key in ALSO_TAGS if key in self.context}
        made = self.client.create_run(
            self.experiment, tags={**common, **also, **told}, run_name=name
        )
        run: str = made.info.run_id
        try:
            yield run
            self.client.set_terminated(run, "FINISHED")
        except BaseException:
            with suppress(Exception):  # the first error is told; MLflow may be gone
                self.client.set_terminated(run, "FAILED")
            raise

    def _in_time(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise TrackingError(
                f"MLflow took longer than {self.patience:.0f} s for one comparison; "
                "see what slows it down, then run again: rag models make"
            )

    def _verdict(self) -> dict[str, str]:
        verdict = self.comparison.verdict
        note = as_markdown(self.comparison)
        return {
            tags.BASE: self.comparison.base,
            **({tags.BASE_NOTE: self.comparison.note} if self.comparison.note else {}),
            tags.WINNER: verdict.winner or tags.NO_WINNER,
            tags.REASON: tags.fitting(verdict.reason),
            tags.NOTE: note if len(note) <= tags.LONGEST else tags.fitting(verdict.reason),
            **{f"{tags.MISSING}{n}": tags.fitting(w) for n, w in self.comparison.missing.items()},
        }

    def _weights(self) -> dict[str, str]:
        given = self.comparison.weights.model_dump()
        return {f"{tags.WEIGHT}{name}": repr(weight) for name, weight in given.items()}

    def _conditions(self) -> dict[str, str]:
        return {key: tags.fitting(str(value)) for key, value in self.context.items()}

    def _log(self, run: str, params: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric, Param

        now = time.time_ns() // 1_000_000
        self.client.log_batch(
            run,
            [Metric(name, value, now, 0) for name, value in metrics.items()],
            [Param(name, value) for name, value in params.items()],
        )

    def _files(self, run: str, files: Files, folder: str | None = None) -> None:
        with TemporaryDirectory() as room:
            for name, content in files.items():
                data = content if isinstance(content, bytes) else content.encode()
                (Path(room) / name).write_bytes(data)
            self.client.log_artifacts(run, room, folder)

    def _runs(self, which: str, status: str) -> list[str]:
        """Ids of this comparison's runs in a state."""
        query = (
            f"tags.{tags.COMPARISON} = '{self.digest}' and {which} "
            f"and attributes.status = '{status}'"
        )
        return [found.info.run_id for found in self.client.search_runs([self.experiment], query)]


def _metrics(row: Row) -> dict[str, float]:
    spreads = {f"{n}{SPREAD}": f.spread for n, f in row.figures.items() if f.spread}
    ratios = {f"{criterion}{tags.RATIO}": ratio for criterion, ratio in row.ratios.items()}
    score = {} if row.score is None else {tags.SCORE: row.score}
    return {name: figure.value for name, figure in row.figures.items()} | spreads | ratios | score


def _report(comparison: Comparison) -> Files:
    return {
        "comparison.json": json.dumps(as_json(comparison), indent=2, ensure_ascii=False),
        "comparison.md": as_markdown(comparison),
        "pareto.png": pareto_png(comparison),
    }


def _cards(
    comparison: Comparison, artifacts: Sequence[ModelArtifact], context: Context, store: Artifacts
) -> dict[str, Files]:
    """Each variant's files in MLflow, read and written before MLflow is asked for anything."""
    of = {artifact.variant: artifact for artifact in artifacts}
    return {
        row.variant: {
            "README.md": model_card(of[row.variant], row, context),
            MANIFEST: json.dumps(_manifest(of[row.variant], store), indent=2, ensure_ascii=False),
        }
        for row in comparison.rows
    }


def _manifest(artifact: ModelArtifact, store: Artifacts) -> dict[str, Any]:
    manifest = read_json(store.open(artifact.digest).folder / MANIFEST) or {}
    return {**asdict(artifact), **manifest}


def _learned(artifacts: Sequence[ModelArtifact], store: Artifacts) -> dict[str, dict[str, str]]:
    """What models learned from, by name: the dataset, and whose ratings are in it."""
    found: dict[str, dict[str, str]] = {}
    for one in artifacts:
        if one.dataset:
            answers = opened(one.dataset, store).datasheet()["answers"]
            told = tags.fitting(f"{len(answers)}: {' '.join(answers)}")
            found[one.variant] = {tags.DATASET: one.dataset, tags.FEEDBACK: told}
    return found


def _digest(comparison: Comparison, artifacts: Sequence[ModelArtifact], context: Context) -> str:
    made = sorted((asdict(artifact) for artifact in artifacts), key=lambda one: one["variant"])
    whole = [as_json(comparison), made, dict(context)]
    return sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
