"""What there is of the variants of `models.yaml`, measured in one run and written to MLflow.

A variant whose run or check failed is missing, with why, and stops no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from rag_pipelines.errors import UserError
from rag_pipelines.lib.io_manager import read
from rag_pipelines.lib.model_worker import ModelWorker
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import Version, last_good, materialized
from rag_pipelines.models.comparison import Comparison, compare
from rag_pipelines.models.config import Models
from rag_pipelines.models.timing import machine
from rag_pipelines.models.tracking import record
from rag_pipelines.records import Metric, ModelArtifact
from rag_pipelines.storage.artifacts import Artifacts

BASES = "base_model"


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, every figure in it, and where MLflow has it."""

    comparison: Comparison
    metrics: list[Metric]
    run_id: str
    url: str


def compared_variants(context: dg.AssetExecutionContext, project: Project) -> Compared:
    """Measure the models that are there, each in a fresh process, and record how they compare.

    Raises `UserError` where the base is not there, `TrackingError` where MLflow is not.
    """
    worker = ModelWorker(context, project)
    models, failed = _there(context.instance, project)
    metrics, among = list[Metric](), [model.digest for model in models]
    for model in models:
        try:
            metrics += [*worker.quality(model), *worker.timing(model, among)]
        except dg.Failure as failure:
            failed[model.variant] = str(failure.description)
    comparison = compare(models, metrics, worker.models, failed)
    settings = project.settings
    run_id = record(
        comparison,
        models,
        _conditions(worker),
        Artifacts(settings.artifacts),
        settings.mlflow_tracking_uri.get_secret_value(),
        settings.home / "mlflow",
    )
    url = f"http://127.0.0.1:{settings.mlflow_port}/#/experiments"
    return Compared(comparison, metrics, run_id, url)


def compared_before(
    instance: dg.DagsterInstance, project: Project, metrics: Sequence[Metric]
) -> tuple[Comparison, list[ModelArtifact]]:
    """The comparison that these figures make, of the models that are there now, and the models."""
    models, failed = _there(instance, project)
    return compare(models, metrics, project.models, failed), models


def _there(
    instance: dg.DagsterInstance, project: Project
) -> tuple[list[ModelArtifact], dict[str, str]]:
    """The models that were made, bases first and then what is made of others, and what failed.

    A variant whose perplexity is beyond its limit is there: the comparison says what it lost.
    """
    wanted = project.models
    good = last_good(instance, BASES, None)
    if good is None:
        raise UserError("No base model was made yet; run: rag models make")
    bases = _rows(project, BASES, None, good)
    found = {model.variant: model for model in bases if model.variant in wanted.bases}
    failed: dict[str, str] = {}
    for name, made_so in wanted.compared.items():
        asset = wanted.serving_asset(name)
        made = next(materialized(instance, asset, name, limit=1), None)
        row = _rows(project, asset, name, made)[0] if made else None
        parent = found.get(made_so.of)
        if row and parent and row.made_of == parent.digest:
            found[name] = row
        else:
            why = f"was made of an earlier {made_so.of}" if row else "was not made"
            failed[name] = f"{name} {why}; see the run of its partition of {asset}"
    return _of_causal(found, wanted), failed


def _rows(
    project: Project, asset: str, partition: str | None, version: Version
) -> list[ModelArtifact]:
    return read(project.tables, asset, partition, version.version, list[ModelArtifact])


def _of_causal(found: Mapping[str, ModelArtifact], wanted: Models) -> list[ModelArtifact]:
    """Those that write text: only they are measured by perplexity and answers."""
    names: Sequence[str] = [*wanted.bases, *wanted.compared]
    return [found[name] for name in names if name in found and found[name].task == "causal"]


def _conditions(worker: ModelWorker) -> dict[str, str | int | float]:
    measure = worker.models.measure
    return {
        "evaluation": worker.evaluation,
        "machine": machine(),
        "seed": measure.seed,
        "threads": measure.threads,
        "window": measure.window,
        "text_tokens": measure.text_tokens,
        "answer_tokens": measure.answer_tokens,
        "questions": measure.questions,
    }
