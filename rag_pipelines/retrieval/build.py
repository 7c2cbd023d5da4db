"""Parts in, a release on disk: built under a temporary name, synced, renamed into place.

Knows the order of the steps and the files of a release. The caller holds the writer's lock and
has chosen sequence and base; the indexes are written by a process of their own (`writer`).
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import EmbeddedChunks, Progress
from rag_pipelines.retrieval.manifest import (
    IndexSpec,
    Manifest,
    Origin,
    Release,
    load_release,
    release_name,
    write_manifest,
)
from rag_pipelines.retrieval.rows import (
    ROWS,
    VECTORS,
    Rows,
    ids_sha256,
    rows_sha256,
    write_rows,
)
from rag_pipelines.retrieval.subprocesses import Message, run_module
from rag_pipelines.retrieval.writer import indexes_sha256
from rag_pipelines.storage.durable import TEMPORARY, sync, sync_tree

WRITER = "rag_pipelines.retrieval.writer"
_TIMEOUT_SECONDS = 6 * 3600.0

Parts = Mapping[str, Callable[[], EmbeddedChunks]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One build: its place in the order, its content, and what it may start from.

    `lock` is the descriptor of the writer's lock: the writing process keeps it while it lives.
    """

    sequence: int
    digest: str
    spec: IndexSpec
    versions: Mapping[str, str]
    origins: Mapping[str, Origin]
    run_id: str
    base: Release | None
    lock: int
    writer: str = WRITER


def build_release(root: Path, plan: Plan, parts: Parts, progress: Progress) -> Release:
    """Build a release of these parts. Raises `ReleaseError`; then nothing of it is left."""

    def rows_into(folder: Path) -> None:
        spec = plan.spec
        write_rows(folder, parts, spec.fingerprint, spec.dimension, spec.denied, progress)

    return _build(root, plan, rows_into, progress)


def rebuild_release(root: Path, plan: Plan, damaged: Release, progress: Progress) -> Release:
    """Build a release of a damaged one's own rows. Raises `ReleaseError` if those are damaged."""

    def rows_into(folder: Path) -> None:
        for name in (ROWS, VECTORS):
            shutil.copyfile(damaged.path / name, folder / name)
        if rows_sha256(folder) != damaged.manifest.rows_sha256:
            raise ReleaseError(f"The rows of {damaged.name} are damaged too; run rag ingest.")

    return _build(root, plan, rows_into, progress)


def _build(
    root: Path, plan: Plan, rows_into: Callable[[Path], None], progress: Progress
) -> Release:
    name = release_name(plan.sequence, plan.digest)
    folder = root / f"{TEMPORARY}{name}-{uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        started = time.monotonic()
        rows_into(folder)
        ids = _ids(folder, plan.spec.dimension)
        written = _write_indexes(folder, plan, progress)
        seconds = time.monotonic() - started
        write_manifest(folder, _manifest(folder, name, plan, ids, written, seconds))
        return _into_place(folder, root / name, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_indexes(folder: Path, plan: Plan, progress: Progress) -> dict[str, int]:
    written: dict[str, int] = {}

    def on_message(message: Message) -> None:
        written.update(message.get("written", {}))
        if "stage" in message:
            progress(message["stage"], message["done"], message["total"])

    base = str(plan.base.path) if plan.base else ""
    arguments = (str(folder), str(plan.spec.dimension), base)
    failure = run_module(plan.writer, arguments, on_message, _TIMEOUT_SECONDS, (plan.lock,))
    if failure or not written:
        raise ReleaseError(f"The index was not written: {failure}. Nothing changed; run it again.")
    return written


def _into_place(folder: Path, place: Path, progress: Progress) -> Release:
    progress("sync", 0, None)
    sync_tree(folder)
    progress("rename", 0, None)
    folder.rename(place)
    sync(place.parent)
    progress("built", 0, None)
    return load_release(place)


def _ids(folder: Path, dimension: int) -> list[str]:
    count = (folder / VECTORS).stat().st_size // (4 * dimension)
    if not count:
        raise ReleaseError("There is not one chunk to index: no source has a good version yet.")
    ids: list[str] = Rows(folder, count, dimension).column("id")
    if len(set(ids)) != count:
        raise ReleaseError(
            f"{count - len(set(ids))} of {count} chunks repeat an id and would overwrite each "
            "other; the check ids_unique names them."
        )
    return ids


def _manifest(
    folder: Path,
    name: str,
    plan: Plan,
    ids: Sequence[str],
    written: Mapping[str, int],
    seconds: float,
) -> Manifest:
    spec = plan.spec
    counts = {key: float(written[key]) for key in ("added", "changed", "removed", "copied")}
    return Manifest(
        release=name,
        sequence=plan.sequence,
        digest=plan.digest,
        rows=len(ids),
        dimension=spec.dimension,
        embedder=spec.embedder,
        fingerprint=spec.fingerprint,
        chunker=spec.chunker,
        sources=dict(plan.versions),
        origins=dict(plan.origins),
        ids_sha256=ids_sha256(ids),
        rows_sha256=rows_sha256(folder),
        indexes_sha256=indexes_sha256(folder),
        run_id=plan.run_id,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        churn=written["churn"],
        metrics=counts | {"build_seconds": round(seconds, 3)},
    )
