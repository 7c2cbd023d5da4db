"""Assets of the model factory: models that learn from the corpus and from what people said.

The work is done in rag_pipelines.models.tuning, by worker processes.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from rag_pipelines.defs.corpus.assets import versioned
from rag_pipelines.defs.models.assets import COMMON, ROWS, of_models, quality_of
from rag_pipelines.lib.metadata import pictures
from rag_pipelines.lib.model_worker import ModelWorker
from rag_pipelines.lib.partitions import FINE_TUNED, LORA, PROMPT_TUNED, REINFORCED, REWARD
from rag_pipelines.lib.project import Project
from rag_pipelines.models.tuning.config import is_adapter, learns_from_pairs
from rag_pipelines.models.tuning.curves import curves_png
from rag_pipelines.models.tuning.data import kept
from rag_pipelines.models.tuning.training import Trained
from rag_pipelines.records import Example, ModelArtifact, Pair
from rag_pipelines.storage.artifacts import Artifacts

LEARNED = "training_"
"""Begins the metadata key of each figure that a training came to."""
_TRAINING: dict[str, Any] = {
    **COMMON,
    "kinds": {"huggingface", "mlflow", "python"},
    "metadata": ROWS,
}
_Made = dg.MaterializeResult[list[ModelArtifact]]


@dg.asset(**_TRAINING, partitions_def=LORA, deps=["base_model"])
def lora_adapter(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    sft_dataset: list[Example],
) -> _Made:
    """A low-rank adapter; with QLoRA its base is in 4 bits as it is loaded."""
    return _trained(context, project, sft_dataset)


@dg.asset(**_TRAINING, partitions_def=LORA, deps=[lora_adapter])
def merged_model(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> _Made:
    """What an adapter makes of the weights that it was trained on, in full precision."""
    worker = ModelWorker(context, project)
    model, before = worker.merge(context.partition_key)
    # What only reads is told by its training: its base does not do the same yet.
    measured = quality_of(worker, model) if model.task == "causal" else {}
    return versioned([model], of_models([model]) | {"reused": int(before)} | measured)


@dg.asset(**_TRAINING, partitions_def=PROMPT_TUNED, deps=["base_model"])
def prompt_tuned_model(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    sft_dataset: list[Example],
) -> _Made:
    """A base with learned vectors before every prompt."""
    return _trained(context, project, sft_dataset)


@dg.asset(**_TRAINING, partitions_def=FINE_TUNED, deps=["base_model"])
def fine_tuned_model(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    sft_dataset: list[Example],
) -> _Made:
    """A base of which every weight was trained."""
    return _trained(context, project, sft_dataset)


@dg.asset(**_TRAINING, partitions_def=REWARD, deps=["base_model"])
def reward_model(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    preference_dataset: list[Pair],
) -> _Made:
    """A score of answers that agrees with what people and passages prefer."""
    return _trained(context, project, preference_dataset)


@dg.asset(
    **_TRAINING,
    partitions_def=REINFORCED,
    deps=["base_model", merged_model, fine_tuned_model, reward_model],
)
def ppo_model(
    context: dg.AssetExecutionContext,
    project: dg.ResourceParam[Project],
    sft_dataset: list[Example],
    preference_dataset: list[Pair],
) -> _Made:
    """A model that was taught to answer as is preferred: by PPO, RLOO or DPO."""
    tuning = project.models.tuned[context.partition_key]
    rows = preference_dataset if learns_from_pairs(tuning) else sft_dataset
    return _trained(context, project, rows)


def _trained(
    context: dg.AssetExecutionContext, project: Project, rows: Sequence[Example] | Sequence[Pair]
) -> _Made:
    worker, store = ModelWorker(context, project), Artifacts(project.settings.artifacts)
    data = kept(rows, store)
    model, before = worker.train(context.partition_key, data.digest)
    trained = Trained.read(store.open(model.digest).folder)
    tuning = project.models.tuned[context.partition_key]
    writes = not is_adapter(tuning) and tuning.method != "reward"
    described = {
        **of_models([model]),
        "reused": int(before),
        "dataset": data.digest,
        "feedback": len(data.datasheet()["answers"]),
        "curves": pictures([("", curves_png(trained, context.partition_key))]),
        **{f"{LEARNED}{name}": value for name, value in trained.figures.items()},
        **(quality_of(worker, model) if writes else {}),
    }
    return versioned([model], described)
