"""The process that writes a release's indexes: `python -m rag_pipelines.retrieval.writer`.

Reads the rows in a folder and puts `chroma/` and `lexical/` beside them. Does not decide what
is built, and nobody reads the folder meanwhile.
"""

import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.records import Progress
from rag_pipelines.retrieval.index import CHROMA, StoreWriter
from rag_pipelines.retrieval.lexical import build_lexical
from rag_pipelines.retrieval.manifest import Manifest, load_release
from rag_pipelines.retrieval.rows import Rows
from rag_pipelines.retrieval.subprocesses import end_with_parent, tell
from rag_pipelines.storage.durable import files_sha256

_BLOCK = 4096
LEXICAL = "lexical"
COPY_BELOW = 0.1
"""Share of rows that may differ from the copied graph, since that was made from nothing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns one set of rows into another: rows to write, and ids to remove."""

    added: list[int]
    changed: list[int]
    removed: list[str]

    @property
    def size(self) -> int:
        return len(self.added) + len(self.changed) + len(self.removed)


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. `churn` as in the manifest; `copied` is 1 where a graph was copied."""

    added: int
    changed: int
    removed: int
    churn: int
    copied: int


def write_indexes(folder: Path, dimension: int, base: Path | None, progress: Progress) -> Written:
    """Make both indexes of the rows in `folder`, from those of the release `base` if that pays."""
    size = (folder / "vectors.f32").stat().st_size
    rows = Rows(folder, size // (4 * dimension), dimension)
    written = _write_vectors(folder, rows, base, progress)
    progress("lexical", 0, len(rows))
    build_lexical(rows, folder / LEXICAL)
    progress("lexical", len(rows), len(rows))
    return written


def _write_vectors(folder: Path, rows: Rows, base: Path | None, progress: Progress) -> Written:
    store = folder / CHROMA
    if base is not None:
        manifest = load_release(base).manifest
        old = Rows(base, manifest.rows, manifest.dimension)
        change = difference(old, rows)
        if manifest.churn + change.size < COPY_BELOW * len(rows):
            return _copy(base / CHROMA, store, rows, change, manifest, progress)
    writer = StoreWriter(store, len(rows))
    writer.put(rows, range(len(rows)), progress)
    writer.close()
    return Written(len(rows), 0, 0, 0, 0)


def _copy(
    base: Path, store: Path, rows: Rows, change: Difference, old: Manifest, progress: Progress
) -> Written:
    shutil.copytree(base, store)
    writer = StoreWriter(store, len(rows))
    writer.remove(change.removed)
    writer.put(rows, change.added + change.changed, progress)
    writer.close()
    churn = old.churn + change.size
    return Written(len(change.added), len(change.changed), len(change.removed), churn, 1)


def indexes_sha256(folder: Path) -> str:
    """Digest of every file of both indexes that nobody touches by reading: not Chroma's SQLite."""
    below = [*(folder / CHROMA).glob("*/*"), *(folder / LEXICAL).rglob("*")]
    return files_sha256(folder, [path for path in below if path.is_file()])


def difference(old: Rows, new: Rows) -> Difference:
    """How new rows differ from old in what the store holds: id, source, URL and vector."""
    before, after = old.positions, new.positions
    shared = [(before[key], row) for key, row in after.items() if key in before]
    ours, theirs = _stored(old), _stored(new)
    changed = [row for was, row in shared if ours[was] != theirs[row]]
    return Difference(
        [row for key, row in after.items() if key not in before],
        sorted({*changed, *_moved(old, new, np.array(shared, np.intp).reshape(-1, 2))}),
        [key for key in before if key not in after],
    )


def _moved(old: Rows, new: Rows, shared: NDArray[np.intp]) -> list[int]:
    moved: list[int] = []
    for start in range(0, len(shared), _BLOCK):
        was, now = shared[start : start + _BLOCK].T
        moved += now[np.any(old.vectors[was] != new.vectors[now], axis=1)].tolist()
    return moved


def _stored(rows: Rows) -> list[tuple[str, str]]:
    return list(zip(rows.column("source"), rows.column("url"), strict=True))


def main(folder: str, dimension: str, base: str = "") -> None:
    end_with_parent()

    def progress(stage: str, done: int, total: int | None) -> None:
        tell({"stage": stage, "done": done, "total": total})

    written = write_indexes(Path(folder), int(dimension), Path(base) if base else None, progress)
    tell({"written": asdict(written)})


if __name__ == "__main__":
    main(*sys.argv[1:])
