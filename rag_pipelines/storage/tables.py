"""Versioned tables: records in, parquet files by key, partition and data version out.

A version is a digest of the content, so a file never changes once it is there. Knows how the
records of `records.py` become columns; does not know which version is the current one.
"""
# pyarrow and fsspec ship no types.
# pyright: standard

import io
import types
from collections.abc import Sequence
from dataclasses import asdict, fields
from enum import StrEnum
from hashlib import sha256
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.storage.blobs import place_atomically

Record = TypeVar("Record")
WHOLE = "all"
"""The partition of a table that has none."""
_VECTOR = "vector"
_EMBEDDER = b"embedder"
_ARROW: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


class Tables:
    """Parquet files below `root`, a folder or any fsspec URL."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._fs, self._path = fsspec.core.url_to_fs(self.root)

    def path(self, key: str, partition: str, version: str) -> str:
        """Where this version lies."""
        return f"{self._path}/{key}/{partition}/{version}.parquet"

    def has(self, key: str, partition: str, version: str) -> bool:
        """Whether this version is there."""
        return bool(self._fs.exists(self.path(key, partition, version)))

    def write(self, key: str, partition: str, version: str, table: pa.Table) -> None:
        """Keep a version; nothing half-written is ever visible, and one that exists stays."""
        if self.has(key, partition, version):
            return
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        place_atomically(self._fs, self.path(key, partition, version), buffer.getvalue())

    def read(self, key: str, partition: str, version: str) -> pa.Table:
        """A version's table. Raises `FileNotFoundError` where it is not there."""
        content = self._fs.cat_file(self.path(key, partition, version))
        # In this thread alone: Arrow's own, if they still hold Python's bytes when Python ends,
        # take the process with them.
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            return file.read(use_threads=False)

    def of_url(
        self, key: str, partition: str, version: str, url: str, record: type[Record]
    ) -> list[Record]:
        """The records of a version that are of this URL. Raises as `read`."""
        pc: Any = pyarrow.compute  # its functions are made at run time
        table = self.read(key, partition, version)
        return from_table(table.filter(pc.equal(table.column("url"), url)), record)

    def versions(self, key: str, partition: str) -> list[str]:
        """Versions that are there, in no order that means anything."""
        folder = f"{self._path}/{key}/{partition}"
        if not self._fs.exists(folder):
            return []
        names = (str(path).rsplit("/", 1)[-1] for path in self._fs.ls(folder, detail=False))
        return sorted(n.removesuffix(".parquet") for n in names if n.endswith(".parquet"))


def schema_of(record: type[Any]) -> pa.Schema:
    """Columns of a record class: its fields, in order."""
    hints = get_type_hints(record)
    return pa.schema([(field.name, _arrow(hints[field.name])) for field in fields(record)])


def to_table(records: Sequence[Any], record: type[Any]) -> pa.Table:
    """Records of one class as a table, a row each."""
    names = [field.name for field in fields(record)]
    columns = {name: [getattr(row, name) for row in records] for name in names}
    return pa.table(columns, schema=schema_of(record))


def from_table(table: pa.Table, record: type[Record]) -> list[Record]:
    """The records that `to_table` wrote; a field that came later takes its default."""
    hints = get_type_hints(record)
    known = [name for name in table.column_names if name in hints]
    enums = {name: hints[name] for name in known if _is_enum(hints[name])}
    rows = table.select(known).to_pylist()
    return [record(**{k: enums[k](v) if k in enums else v for k, v in row.items()}) for row in rows]


def embedded_to_table(embedded: EmbeddedChunks) -> pa.Table:
    """Chunks and vectors as one table; the embedder's fingerprint is in its metadata."""
    table = to_table(embedded.chunks, Chunk)
    flat = pa.array(np.ascontiguousarray(embedded.vectors, dtype=np.float32).reshape(-1))
    width = embedded.vectors.shape[1]
    table = table.append_column(_VECTOR, pa.FixedSizeListArray.from_arrays(flat, width))
    return table.replace_schema_metadata({_EMBEDDER: embedded.embedder.encode()})


def embedded_from_table(table: pa.Table) -> EmbeddedChunks:
    """What `embedded_to_table` wrote."""
    vectors = table.column(_VECTOR).combine_chunks()
    width = vectors.type.list_size
    matrix = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    fingerprint = (table.schema.metadata or {}).get(_EMBEDDER, b"").decode()
    return EmbeddedChunks(from_table(table, Chunk), matrix.astype(np.float32), fingerprint)


def digest(records: Sequence[Any], also: str = "") -> str:
    """Digest of records whatever their order, 32 hex digits: the same content, the same digest.

    `also` is what the content depends on besides, such as an embedder's fingerprint.
    """
    rows = sorted(sha256(repr(asdict(record)).encode()).digest() for record in records)
    return sha256(b"".join(rows) + also.encode()).hexdigest()[:32]


def _arrow(hint: Any) -> pa.DataType:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    if get_origin(hint) is list:
        return pa.list_(_arrow(get_args(hint)[0]))
    return pa.string() if _is_enum(hint) else _ARROW[hint]


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)
