"""What must hold of a model that learned before others are made of it, or it is compared."""

from typing import Any

import dagster as dg

from rag_pipelines.defs.models.checks import limited
from rag_pipelines.defs.models.tuned import LEARNED
from rag_pipelines.lib.partitions import FINE_TUNED, LORA, PROMPT_TUNED, REINFORCED, REWARD
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import told

_BEFORE, _AFTER = f"{LEARNED}perplexity_before", f"{LEARNED}perplexity"


def _learned(asset: str, partitions: dg.PartitionsDefinition[Any]) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset, name="validation_improved", blocking=True, partitions_def=partitions
    )
    def validation_improved(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """What does not read unseen answers better has learned nothing, or by heart."""
        said = told(context.instance, asset, context.partition_key, context.run.run_id)
        before, after = said[_BEFORE], said[_AFTER]
        return dg.AssetCheckResult(
            passed=after < before,
            description=f"perplexity of the validation answers: {before:.2f} before, {after:.2f}",
            metadata={"before": before, "after": after},
        )

    return validation_improved


adapter_improved = _learned("lora_adapter", LORA)
prompt_improved = _learned("prompt_tuned_model", PROMPT_TUNED)
fine_tuned_improved = _learned("fine_tuned_model", FINE_TUNED)
merged_within_limit = limited("merged_model", LORA)
prompt_within_limit = limited("prompt_tuned_model", PROMPT_TUNED)
fine_tuned_within_limit = limited("fine_tuned_model", FINE_TUNED)
reinforced_within_limit = limited("ppo_model", REINFORCED)


@dg.asset_check(asset="reward_model", blocking=True, partitions_def=REWARD)
def ranks_held_out_pairs(
    context: dg.AssetCheckExecutionContext, project: dg.ResourceParam[Project]
) -> dg.AssetCheckResult:
    """What ranks pairs no better than a coin would teach nonsense."""
    name = context.partition_key
    said = told(context.instance, "reward_model", name, context.run.run_id)
    least = float(getattr(project.models.tuned[name], "least_accuracy", 0.0))
    measured = [said.get(f"{LEARNED}{split}_accuracy") for split in ("test", "validation")]
    found = next(float(one) for one in measured if one is not None)
    return dg.AssetCheckResult(
        passed=found >= least,
        description=f"{found:.0%} of the held-out pairs ranked rightly, {least:.0%} needed",
        metadata={"accuracy": found, "needed": least},
    )
