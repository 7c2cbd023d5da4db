"""Dynamic partitions: one for each entry of a configuration file, and nothing that is not there."""

from collections.abc import Iterable

import dagster as dg

from rag_pipelines.models.config import Models

SOURCES = dg.DynamicPartitionsDefinition(name="sources")
QUANTIZED = dg.DynamicPartitionsDefinition(name="quantized_variants")
ONNX = dg.DynamicPartitionsDefinition(name="onnx_variants")
LORA = dg.DynamicPartitionsDefinition(name="lora_models")
PROMPT_TUNED = dg.DynamicPartitionsDefinition(name="prompt_tuned_models")
FINE_TUNED = dg.DynamicPartitionsDefinition(name="fine_tuned_models")
REWARD = dg.DynamicPartitionsDefinition(name="reward_models")
REINFORCED = dg.DynamicPartitionsDefinition(name="reinforced_models")
_OF_MODELS = {
    "quantized_model": QUANTIZED,
    "onnx_model": ONNX,
    "lora_adapter": LORA,
    "prompt_tuned_model": PROMPT_TUNED,
    "fine_tuned_model": FINE_TUNED,
    "reward_model": REWARD,
    "ppo_model": REINFORCED,
}


def sync_sources(instance: dg.DagsterInstance, names: Iterable[str]) -> None:
    """Add the sources that are missing and delete those that are gone."""
    _sync(instance, SOURCES, set(names))


def sync_models(instance: dg.DagsterInstance, models: Models) -> None:
    """Give each tuned model and variant of `models.yaml` its partition of the asset it is of."""
    for asset, partitions in _OF_MODELS.items():
        _sync(instance, partitions, {n for n, a in models.assets.items() if a == asset})


def _sync(
    instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition, wanted: set[str]
) -> None:
    name = str(partitions.name)
    there = set(instance.get_dynamic_partitions(name))
    if wanted - there:
        instance.add_dynamic_partitions(name, sorted(wanted - there))
    for gone in sorted(there - wanted):
        instance.delete_dynamic_partition(name, gone)
