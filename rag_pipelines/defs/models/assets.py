"""Assets of the model factory: bases, their variants, and how they compare.

The work is done in rag_pipelines.models, by worker processes.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from rag_pipelines.defs.corpus.assets import versioned
from rag_pipelines.lib.metadata import columns, pictures, sample
from rag_pipelines.lib.model_comparison import compared_variants
from rag_pipelines.lib.model_worker import ModelWorker
from rag_pipelines.lib.partitions import ONNX, QUANTIZED
from rag_pipelines.lib.project import Project
from rag_pipelines.models.cards import as_markdown
from rag_pipelines.models.figures import PERPLEXITY
from rag_pipelines.models.pareto import pareto_png
from rag_pipelines.records import Metric, ModelArtifact

COMMON: dict[str, Any] = {
    "group_name": "models",
    "owners": ["team:models"],
    "code_version": "2",
    "pool": "accelerator",
}
TUNED = ("merged_model", "fine_tuned_model", "ppo_model")
"""Assets whose models have weights that variants are made of."""
BASE_PERPLEXITY = "base_perplexity"
ROWS = {"dagster/column_schema": columns(ModelArtifact)}


@dg.asset(**COMMON, kinds={"huggingface", "python"}, metadata=ROWS)
def base_model(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[ModelArtifact]]:
    """Base models of models.yaml as safetensors, from a hub, a folder or a GGUF file."""
    worker = ModelWorker(context, project)
    made = [worker.make(name) for name in worker.models.bases]
    models = [model for model, _ in made]
    return versioned(models, of_models(models) | {"reused": sum(before for _, before in made)})


@dg.asset(
    **COMMON,
    partitions_def=QUANTIZED,
    deps=[base_model, *TUNED],
    kinds={"huggingface", "python"},
    metadata=ROWS,
)
def quantized_model(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[ModelArtifact]]:
    """A variant with its weights in 4 or 8 bits, by bitsandbytes."""
    return _variant(context, project)


@dg.asset(
    **COMMON,
    partitions_def=ONNX,
    deps=[base_model, *TUNED],
    kinds={"onnx", "python"},
    metadata=ROWS,
)
def onnx_model(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[ModelArtifact]]:
    """A variant as an ONNX graph, in fp32 or with its weights in 8 or 4 bits."""
    return _variant(context, project)


@dg.asset(
    **COMMON,
    deps=[base_model, *TUNED, "prompt_tuned_model", quantized_model, onnx_model],
    kinds={"mlflow", "python"},
    metadata={"dagster/column_schema": columns(Metric)},
)
def model_comparison(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[list[Metric]]:
    """Every variant measured the same way, and which of them to serve, in MLflow as well."""
    found = compared_variants(context, project)
    verdict = found.comparison.verdict
    described = {
        "dagster/row_count": len(found.metrics),
        "verdict": verdict.winner or "none",
        "reason": verdict.reason,
        "table": dg.MetadataValue.md(as_markdown(found.comparison)),
        "quality_against_speed_and_size": pictures([("", pareto_png(found.comparison))]),
        "missing": len(found.comparison.missing),
        "mlflow_run": found.run_id,
        "mlflow": dg.MetadataValue.url(found.url),
    }
    return versioned(found.metrics, described)


def _variant(
    context: dg.AssetExecutionContext, project: Project
) -> dg.MaterializeResult[list[ModelArtifact]]:
    worker = ModelWorker(context, project)
    model, before = worker.make(context.partition_key)
    described = of_models([model]) | {"reused": int(before)} | quality_of(worker, model)
    return versioned([model], described)


def quality_of(worker: ModelWorker, model: ModelArtifact) -> dict[str, float]:
    """Figures of a model, and the perplexity of its base where they write text."""
    of_model = {metric.name: metric.value for metric in worker.quality(model)}
    if model.task != "causal":
        return of_model
    base, _ = worker.make(worker.models.base_of(model.variant))
    of_base = {metric.name: metric.value for metric in worker.quality(base)}
    return of_model | {BASE_PERPLEXITY: of_base[PERPLEXITY]}


def of_models(models: Sequence[ModelArtifact]) -> dict[str, Any]:
    shown = [
        {"name": m.variant, "method": m.method, "MB": round(m.size / 1e6), "digest": m.digest[:12]}
        | {"origin": m.origin, "licence": m.licence, "note": m.note}
        for m in models
    ]
    return {
        "dagster/row_count": len(models),
        "bytes": sum(model.size for model in models),
        "models": sample(shown),
    }
