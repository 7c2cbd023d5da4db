"""What must hold of a variant before it is compared with others."""

from collections.abc import Callable
from typing import Any

import dagster as dg

from rag_pipelines.defs.models.assets import BASE_PERPLEXITY
from rag_pipelines.lib.partitions import ONNX, QUANTIZED
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import materialized, told
from rag_pipelines.models.figures import COSINE, SAME_SPANS, heading
from rag_pipelines.records import ModelArtifact
from rag_pipelines.storage.artifacts import Artifacts

_Judge = Callable[[dg.AssetCheckExecutionContext, Project, str], dg.AssetCheckResult]


@dg.asset_check(asset="base_model", blocking=True)
def files_are_whole(
    base_model: list[ModelArtifact], project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A file that was altered since it was made would be served under the old digest."""
    store = Artifacts(project.settings.artifacts)
    sizes = [store.open(model.digest, verify=True).size for model in base_model]
    return dg.AssetCheckResult(passed=all(sizes), metadata={"bytes": sum(sizes)})


def _judged(
    name: str, why: str, judge: _Judge, asset: str, partitions: dg.PartitionsDefinition[Any]
) -> dg.AssetChecksDefinition:
    """A blocking check of each partition of an asset."""

    @dg.asset_check(
        asset=asset, name=name, description=why, blocking=True, partitions_def=partitions
    )
    def judged(
        context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
    ) -> dg.AssetCheckResult:
        return judge(context, project, asset)

    return judged


def limited(asset: str, partitions: dg.PartitionsDefinition[Any]) -> dg.AssetChecksDefinition:
    """The check that a model lost no more of its base's perplexity than `models.yaml` allows."""
    why = "What forgot how the corpus reads would answer worse, if faster or about one thing."
    return _judged("perplexity_within_limit", why, _within_limit, asset, partitions)


def _agreeing(asset: str, partitions: dg.PartitionsDefinition[Any]) -> dg.AssetChecksDefinition:
    why = "An embedder far from its base finds other passages, and a reader gives other answers."
    return _judged("agreement_within_limit", why, _agrees, asset, partitions)


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


def _within_limit(
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


quantized_within_limit = limited("quantized_model", QUANTIZED)
onnx_within_limit = limited("onnx_model", ONNX)
quantized_agrees = _agreeing("quantized_model", QUANTIZED)
onnx_agrees = _agreeing("onnx_model", ONNX)


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
