"""One dynamic partition for each entry of `sources.yaml`, and nothing that is not there."""

from collections.abc import Iterable

import dagster as dg

SOURCES = dg.DynamicPartitionsDefinition(name="sources")
_NAME = "sources"


def sync_sources(instance: dg.DagsterInstance, names: Iterable[str]) -> None:
    """Add the partitions that are missing and delete those whose source is gone."""
    wanted, there = set(names), set(instance.get_dynamic_partitions(_NAME))
    if wanted - there:
        instance.add_dynamic_partitions(_NAME, sorted(wanted - there))
    for name in sorted(there - wanted):
        instance.delete_dynamic_partition(_NAME, name)
