"""Dynamic partitions: one for each entry of a configuration file, and nothing that is not there."""

from collections.abc import Iterable

import dagster as dg

from rag_pipelines.models.config import Models

SOURCES = dg.DynamicPartitionsDefinition(name="sources")
QUANTIZED = dg.DynamicPartitionsDefinition(name="quantized_variants")
ONNX = dg.DynamicPartitionsDefinition(name="onnx_variants")
_VARIANTS = {"quantized_model": QUANTIZED, "onnx_model": ONNX}


def sync_sources(instance: dg.DagsterInstance, names: Iterable[str]) -> None:
    """Add the sources that are missing and delete those that are gone."""
    _sync(instance, SOURCES, set(names))


def sync_variants(instance: dg.DagsterInstance, models: Models) -> None:
    """Give each variant of `models.yaml` its partition of `quantized_model` or `onnx_model`."""
    for asset, partitions in _VARIANTS.items():
        names = {name for name, variant in models.variants.items() if variant.asset == asset}
        _sync(instance, partitions, names)


def _sync(
    instance: dg.DagsterInstance, partitions: dg.DynamicPartitionsDefinition, wanted: set[str]
) -> None:
    name = str(partitions.name)
    there = set(instance.get_dynamic_partitions(name))
    if wanted - there:
        instance.add_dynamic_partitions(name, sorted(wanted - there))
    for gone in sorted(there - wanted):
        instance.delete_dynamic_partition(name, gone)
