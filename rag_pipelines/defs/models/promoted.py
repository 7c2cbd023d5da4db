"""The asset of promotion: which model is the champion, and why.

The rules stand in rag_pipelines.models.promotion.
"""

from typing import Any

import dagster as dg

from rag_pipelines.defs.corpus.assets import versioned
from rag_pipelines.defs.models.assets import COMMON, ROWS
from rag_pipelines.lib.metadata import pictures, sample
from rag_pipelines.lib.model_comparison import compared_before
from rag_pipelines.lib.model_worker import ModelWorker
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.promotion import Decision, decide
from rag_pipelines.models.promotion import Judgement
from rag_pipelines.models.promotion_plot import judgements_png
from rag_pipelines.models.tuning.data import kept
from rag_pipelines.records import Example, Metric, ModelArtifact
from rag_pipelines.storage.artifacts import Artifacts


@dg.asset(**COMMON, kinds={"mlflow", "python"}, metadata=ROWS)
def promoted_model(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    model_comparison: list[Metric],
    sft_dataset: list[Example],
) -> dg.MaterializeResult[list[ModelArtifact]]:
    """The champion: the model that no challenger was shown to be better than."""
    worker = ModelWorker(context, project)
    comparison, models = compared_before(context.instance, project, model_comparison)
    dataset = kept(sft_dataset, Artifacts(project.settings.artifacts)).digest
    found = decide(project, worker, comparison, models, dataset)
    champion = found.promoted.variant if found.promoted else found.champion
    rows = [model for model in models if model.variant == champion]
    return versioned(rows, _of_decision(found) | {"champion": champion, "dataset": dataset})


def _of_decision(found: Decision) -> dict[str, Any]:
    return {
        "champion_before": found.champion,
        "reason": found.reason,
        "challengers": sample([_shown(one) for one in found.judgements], most=50),
        "differences": pictures([("", judgements_png(found.judgements, found.champion))]),
    }


def _shown(one: Judgement) -> dict[str, object]:
    return {
        "challenger": one.variant,
        "promoted": "passed" if one.passed else "no",
        "nats_a_token": f"{one.difference:+.3f}",
        "p": f"{one.p:.2g}",
        "why": one.reason,
    }


@dg.asset_check(asset="promoted_model")
def champion_is_servable(
    promoted_model: list[ModelArtifact], project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """A champion whose files were altered would fail when it is to be served."""
    (champion,) = promoted_model
    found = Artifacts(project.settings.artifacts).open(champion.digest, verify=True)
    return dg.AssetCheckResult(
        passed=True, metadata={"champion": champion.variant, "bytes": found.size}
    )
