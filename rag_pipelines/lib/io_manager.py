"""Asset values as versioned tables.

What an asset returns is written under its data version, and what a step reads is the version
that its own run made or the last good one. The element type of the annotation says which
record a row is.
"""

from typing import Any, get_args

import dagster as dg

from rag_pipelines.lib.versions import to_read
from rag_pipelines.records import EmbeddedChunks
from rag_pipelines.storage.tables import (
    WHOLE,
    Tables,
    digest,
    embedded_from_table,
    embedded_to_table,
    from_table,
    to_table,
)


def data_version(value: "list[Any] | EmbeddedChunks") -> str:
    """Digest of every stored field; of vectors, that of what they were made from."""
    if isinstance(value, EmbeddedChunks):
        return digest(value.chunks, also=value.embedder)
    return digest(value)


class VersionedTables(dg.IOManager):
    """Keeps lists of records, and embedded chunks, as parquet by data version."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        record = _record(context.dagster_type.typing_type)
        table = to_table(obj, record) if record else embedded_to_table(obj)
        key, partition = context.asset_key.to_user_string(), _partition(context)
        self.tables.write(key, partition or WHOLE, data_version(obj), table)

    def load_input(self, context: dg.InputContext) -> Any:
        key, partition = context.asset_key.to_user_string(), _partition(context)
        version = to_read(context.instance, key, partition, context.step_context.run_id)
        if version is None:
            raise dg.Failure(
                f"{key} of {partition or WHOLE!r} has no good version; materialize it first."
            )
        return read(self.tables, key, partition, version.version, context.dagster_type.typing_type)


def read(tables: Tables, key: str, partition: str | None, version: str, annotation: Any) -> Any:
    """A version as the annotated type, `list[Record]` or `EmbeddedChunks`; see `versions`."""
    table, record = tables.read(key, partition or WHOLE, version), _record(annotation)
    return from_table(table, record) if record else embedded_from_table(table)


def _partition(context: dg.OutputContext | dg.InputContext) -> str | None:
    return context.asset_partition_key if context.has_asset_partitions else None


def _record(annotation: Any) -> type[Any] | None:
    return None if annotation is EmbeddedChunks else get_args(annotation)[0]
