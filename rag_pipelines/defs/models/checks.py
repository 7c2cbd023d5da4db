"""What must hold of a variant before it is compared with others."""

import dagster as dg

from rag_pipelines.defs.models.assets import BASE_PERPLEXITY
from rag_pipelines.lib.partitions import ONNX, QUANTIZED
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import materialized, told
from rag_pipelines.models.figures import COSINE, SAME_SPANS, heading
from rag_pipelines.records import ModelArtifact
from rag_pipelines.storage.artifacts import Artifacts

LIMIT = "perplexity_within_limit"
_AGREEMENT = "agreement_within_limit"


@dg.asset_check(asset="base_model", blocking=True)
def files_are_whole(
    base_model: list[ModelArtifact], project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A file that was altered since it was made would be served under the old digest."""
    store = Artifacts(project.settings.artifacts)
    sizes = [store.open(model.digest, verify=True).size for model in base_model]
    return dg.AssetCheckResult(passed=all(sizes), metadata={"bytes": sum(sizes)})


@dg.asset_check(asset="quantized_model", name=LIMIT, blocking=True, partitions_def=QUANTIZED)
def quantized_perplexity_within_limit(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A variant that lost more than `models.yaml` allows would answer worse, if faster."""
    return within_limit(context, project, "quantized_model")


@dg.asset_check(asset="onnx_model", name=LIMIT, blocking=True, partitions_def=ONNX)
def onnx_perplexity_within_limit(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """As of a quantized model: what is faster may not be so much worse."""
    return within_limit(context, project, "onnx_model")


@dg.asset_check(asset="quantized_model", name=_AGREEMENT, blocking=True, partitions_def=QUANTIZED)
def quantized_agreement_within_limit(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """An embedder far from its base finds other passages, and a reader gives other answers."""
    return _agrees(context, project, "quantized_model")


@dg.asset_check(asset="onnx_model", name=_AGREEMENT, blocking=True, partitions_def=ONNX)
def onnx_agreement_within_limit(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """As of a quantized model: a graph embeds and reads as its base does, or near enough."""
    return _agrees(context, project, "onnx_model")


def _agrees(
    context: dg.AssetCheckExecutionContext, project: Project, asset: str
) -> dg.AssetCheckResult:
    name = context.partition_key
    said = told(context.instance, asset, name, context.run.run_id)
    variant = project.models.variants[name]
    limits = {COSINE: variant.least_cosine, SAME_SPANS: variant.least_same_spans}
    held = {figure: limit for figure, limit in limits.items() if figure in said}
    if not held:
        return dg.AssetCheckResult(passed=True, metadata={"agreement": "it writes text"})
    ((figure, least),) = held.items()
    return dg.AssetCheckResult(
        passed=said[figure] >= least,
        description=f"{name}: {heading(figure).title} {said[figure]:.4f}, at least {least:g} asked",
        metadata={"agreement": said[figure], "least": least},
    )


def within_limit(
    context: dg.AssetCheckExecutionContext, project: Project, asset: str
) -> dg.AssetCheckResult:
    name = context.partition_key
    said = told(context.instance, asset, name, context.run.run_id)
    allowed = project.models.compared[name].perplexity_loss
    if BASE_PERPLEXITY not in said:
        return dg.AssetCheckResult(passed=True, metadata={"perplexity": "it writes no text"})
    lost = said["perplexity"] / said[BASE_PERPLEXITY] - 1
    return dg.AssetCheckResult(
        passed=lost <= allowed,
        description=f"{name} loses {lost:.1%} of its base's perplexity, {allowed:.0%} allowed",
        metadata={"lost": lost, "allowed": allowed},
    )


@dg.asset_check(asset="model_comparison")
def every_variant_compared(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A variant that could not be made or measured is in no matrix, and cannot win."""
    made = next(materialized(context.instance, "model_comparison", None, limit=1))
    missing = int(made.metadata["missing"])
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"missing": missing, "wanted": len(project.models.variants)},
    )
