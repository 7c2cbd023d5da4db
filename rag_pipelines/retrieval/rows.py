"""The rows a release was made from: chunks in an Arrow file, vectors beside it, memory-mapped.

Knows the two files and their order (by source, then id, so that equal content gives equal
rows). Does not search, and does not know Chroma.
"""

# pyarrow ships no types:
# pyright: basic

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import Chunk, EmbeddedChunks, Progress
from rag_pipelines.storage.durable import files_sha256

ROWS = "rows.arrow"
VECTORS = "vectors.f32"
_BATCH = 4096
_FIELDS = tuple(field.name for field in fields(Chunk))

Vectors = NDArray[np.float32]


def write_rows(
    folder: Path,
    parts: Mapping[str, Callable[[], EmbeddedChunks]],
    fingerprint: str,
    dimension: int,
    denied: Collection[str],
    progress: Progress,
) -> int:
    """Write both files into `folder`, a source at a time; returns how many rows there are.

    Raises `ReleaseError` where a part's vectors are not this embedder's or of another shape.
    """
    import pyarrow as pa

    from rag_pipelines.storage.tables import schema_of, to_table

    done = 0
    with (
        (folder / VECTORS).open("wb") as vectors,
        pa.ipc.new_file(folder / ROWS, schema_of(Chunk)) as table,
    ):
        for source in sorted(parts):
            part = parts[source]()
            _require(source, part, fingerprint, dimension)
            for chunks, block in _batches(part, frozenset(denied)):
                table.write_table(to_table(chunks, Chunk))
                vectors.write(block.tobytes())
                done += len(chunks)
                progress("rows", done, None)
    return done


def _require(source: str, part: EmbeddedChunks, fingerprint: str, dimension: int) -> None:
    expected = (len(part.chunks), dimension)
    if part.embedder != fingerprint or part.vectors.shape != expected:
        raise ReleaseError(
            f"The embeddings of {source} are {part.vectors.shape} by {part.embedder[:12]}, not "
            f"{expected} by {fingerprint[:12]}: embed the source again (rag ingest {source})."
        )


def _batches(part: EmbeddedChunks, denied: frozenset[str]) -> Iterator[tuple[list[Chunk], Vectors]]:
    kept = [i for i, chunk in enumerate(part.chunks) if chunk.url not in denied]
    kept.sort(key=lambda i: part.chunks[i].id)
    for start in range(0, len(kept), _BATCH):
        taken = kept[start : start + _BATCH]
        yield [part.chunks[i] for i in taken], np.ascontiguousarray(part.vectors[taken], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which rows may answer; what is empty lets all through.

    `path_prefix` is what the path of the URL begins with (a file's path as well), `language` an
    ISO 639-1 code, `entity` a name, or a label and a name as in `ORG:Acme`, whatever the case.
    """

    sources: Collection[str] = ()
    path_prefix: str = ""
    language: str = ""
    entity: str = ""

    def __bool__(self) -> bool:
        return bool(self.sources or self.path_prefix or self.language or self.entity)


class Rows(Sequence[Chunk]):
    """A release's rows, opened for reading: nothing is in memory until it is asked for."""

    def __init__(self, folder: Path, rows: int, dimension: int) -> None:
        """Open the two files. Raises `ReleaseError` unless they hold what the manifest says."""
        import pyarrow as pa

        try:
            self._table: pa.Table = pa.ipc.open_file(pa.memory_map(str(folder / ROWS))).read_all()
            size = (folder / VECTORS).stat().st_size
        except (OSError, pa.ArrowInvalid) as error:
            raise ReleaseError(f"The rows of {folder} cannot be read: {error}") from error
        if self._table.num_rows != rows or size != rows * dimension * 4:
            raise ReleaseError(
                f"{folder} has {self._table.num_rows} rows and {size} bytes of vectors, expected "
                f"{rows} rows of {dimension} dimensions; build the release again."
            )
        # an older release lacks the fields that came later: they have their defaults
        self._fields = [name for name in _FIELDS if name in self._table.column_names]
        self._columns = [self._table.column(name) for name in self._fields]
        shape = (rows, dimension)
        self.vectors: Vectors = (
            np.memmap(folder / VECTORS, np.float32, "r", shape=shape)
            if rows
            else np.zeros(shape, np.float32)
        )

    def __len__(self) -> int:
        return self._table.num_rows

    @overload
    def __getitem__(self, index: int) -> Chunk: ...
    @overload
    def __getitem__(self, index: slice) -> list[Chunk]: ...
    def __getitem__(self, index: int | slice) -> Chunk | list[Chunk]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        values: dict[str, Any] = {
            name: column[index].as_py()
            for name, column in zip(self._fields, self._columns, strict=True)
        }
        return Chunk(**values)

    def __iter__(self) -> Iterator[Chunk]:
        for batch in self._table.to_batches():
            for values in batch.to_pylist():
                yield Chunk(**values)

    def column(self, name: str) -> list[Any]:
        """One field of every row."""
        return self._table.column(name).to_pylist()

    @cached_property
    def positions(self) -> dict[str, int]:
        """Row of each chunk id."""
        return {key: row for row, key in enumerate(self.column("id"))}

    @cached_property
    def documents(self) -> dict[str, str]:
        """The files that the rows are of: their URLs by SHA-256."""
        return self._named("document")

    @cached_property
    def images(self) -> dict[str, str]:
        """The pictures that the rows show: the URLs of their files by SHA-256."""
        return self._named("image")

    def _named(self, field: str) -> dict[str, str]:
        if field not in self._fields:
            return {}
        pairs = zip(self.column(field), self.column("url"), strict=True)
        return {digest: url for digest, url in pairs if digest}

    def among(self, filters: Filters) -> NDArray[np.bool_]:
        """Mask of the rows that the filters let through."""
        import pyarrow as pa
        import pyarrow.compute

        pc: Any = pyarrow.compute  # its functions are made at run time
        mask = np.ones(len(self), np.bool_)
        if filters.sources:
            wanted = pa.array(list(filters.sources), pa.string())
            mask &= pc.is_in(self._table.column("source"), value_set=wanted).to_numpy()
        if filters.path_prefix:
            mask &= pc.starts_with(self._paths, filters.path_prefix).to_numpy()
        if filters.language:
            spoken = pc.utf8_lower(self._table.column("language"))
            mask &= pc.equal(spoken, filters.language.lower()).to_numpy()
        if filters.entity:
            mask &= self._naming(filters.entity)
        return mask

    @cached_property
    def _paths(self) -> Any:
        """Path of each row's URL, with what follows it: found once, for it takes a while."""
        import pyarrow.compute

        pc: Any = pyarrow.compute
        host = r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*"
        files = pc.replace_substring_regex(self._table.column("url"), "^file:/*", "/")
        return pc.replace_substring_regex(files, host, "")

    def _naming(self, entity: str) -> NDArray[np.bool_]:
        labelled, names, rows = self._entities
        wanted = entity.casefold()
        mask = np.zeros(len(self), np.bool_)
        mask[rows[(labelled == wanted) | (names == wanted)]] = True
        return mask

    @cached_property
    def _entities(self) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.intp]]:
        """Every entity of every row with its label and without, and the row that it stands in."""
        said = self.column("entities") if "entities" in self._fields else []
        found = [(text.casefold(), row) for row, texts in enumerate(said) for text in texts]
        labelled = np.array([text for text, _ in found], np.object_)
        names = np.array([text.partition(":")[2] for text, _ in found], np.object_)
        return labelled, names, np.array([row for _, row in found], np.intp)


def ids_sha256(ids: Collection[str]) -> str:
    """Digest of a set of chunk ids."""
    return sha256("\n".join(sorted(ids)).encode()).hexdigest()


def rows_sha256(folder: Path) -> str:
    """Digest of the two files, for who would make an index of them once more."""
    return files_sha256(folder, [folder / ROWS, folder / VECTORS])
