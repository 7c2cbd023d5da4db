"""The releases of one folder: built, remembered, published, leased, collected.

Knows who may change what, and keeps the locks. How a release is built, verified or read stands
in `build`, `verify` and `index`.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rag_pipelines.errors import ReleaseError, ReleaseLocked
from rag_pipelines.records import ModelRef, Progress, Trial, no_progress
from rag_pipelines.retrieval.build import WRITER, Parts, Plan, build_release, rebuild_release
from rag_pipelines.retrieval.collect import remove_temporary, remove_temporary_files, set_aside
from rag_pipelines.retrieval.counters import next_number
from rag_pipelines.retrieval.leases import leased, leased_releases
from rag_pipelines.retrieval.lock import locked
from rag_pipelines.retrieval.manifest import (
    FORMAT,
    IndexSpec,
    Origin,
    Release,
    expected_digest,
    sequence_of,
    write_manifest,
)
from rag_pipelines.retrieval.publish import Pointer, replace_pointer
from rag_pipelines.retrieval.shelf import HEAD, Shelf
from rag_pipelines.retrieval.verdicts import Verdict, write_verdict
from rag_pipelines.storage.durable import replace_json

_POINTER_WAIT_SECONDS = 30.0
_UNKNOWN: Mapping[str, Origin] = {}


class Releases(Shelf):
    """Releases below `root`. `keep` is how many are kept besides those in use.

    Any number of processes may use one folder; builds exclude each other, and so do moves of
    the pointer, but neither waits for the other.
    """

    def __init__(self, root: Path, keep: int = 3, writer: str = WRITER) -> None:
        """Nothing is read or created yet. `writer` is the module that writes the indexes."""
        super().__init__(root)
        self.keep = keep
        self._writer = writer
        self._leases = root / "leases"

    def build(
        self,
        parts: Parts,
        versions: Mapping[str, str],
        spec: IndexSpec,
        run_id: str,
        progress: Progress = no_progress,
        origins: Mapping[str, Origin] = _UNKNOWN,
    ) -> Release:
        """Build the release that these parts add up to, or return it where it exists.

        `versions` are the parts' data versions, `origins` what they were made from. Raises
        `ReleaseLocked` while another process builds, and `ReleaseError` where the index cannot be
        written; nothing is left of it then.
        """
        digest = expected_digest(versions, spec)
        with self._building(f"build for run {run_id}") as lock:
            remove_temporary(self.root)
            found = self.find(digest)
            damaged = found is not None and self._is_damaged(found)
            if found is None or damaged:
                base = None if self._failed_before(digest) else self._base(spec)
                plan = self._plan(digest, spec, versions, origins, run_id, base, lock)
                found = build_release(self.root, plan, parts, progress)
            return self._set_head(found)

    def rebuild(self, name: str, run_id: str, progress: Progress = no_progress) -> Release:
        """Build a release again from its own rows, under a new name: its indexes are damaged.

        It is to be verified and published as any other.
        """
        damaged = self.get(name)
        manifest = damaged.manifest
        spec = IndexSpec(
            embedder=manifest.embedder,
            fingerprint=manifest.fingerprint,
            dimension=manifest.dimension,
            chunker=manifest.chunker,
        )
        with self._building(f"rebuild of {name}") as lock:
            remove_temporary(self.root)
            sources, origins = manifest.sources, manifest.origins
            plan = self._plan(damaged.digest, spec, sources, origins, run_id, None, lock)
            return self._set_head(rebuild_release(self.root, plan, damaged, progress))

    def record_verdict(self, verdict: Verdict) -> None:
        """Remember what the checks said, and put their figures into the manifest."""
        with suppress(ReleaseError):  # a damaged manifest has no place for them
            release = self.get(verdict.release)
            metrics = release.manifest.metrics | verdict.metrics
            write_manifest(release.path, replace(release.manifest, metrics=metrics))
        write_verdict(self._verdicts, verdict)

    def publish(
        self, name: str, model: ModelRef, reason: str, trial: Trial | None = None
    ) -> Pointer:
        """Point to a release that passed its checks; no change where that is served already.

        `trial` is tried beside the model on some users. Raises `ReleaseError` where the release
        did not pass, or was rejected.
        """
        with self._moving_pointer("publish"):
            release, pointer = self.get(name), self.current()
            if pointer and pointer.serves(name, model, trial):
                return pointer
            rejected = pointer.rejected if pointer else ()
            if not pointer or pointer.release != name:
                self._require_passed(release)
            if release.digest in rejected:
                raise ReleaseError(f"{name} was rejected; `rag rollback {name}` brings it back.")
            return self._replace(pointer, name, model, trial, rejected, reason)

    def rollback(self, to: str | None = None, reason: str = "") -> Pointer:
        """Point to an older release, and reject the content that is turned away from.

        Without a name it is the one before the current. Raises `ReleaseError` where there is
        none, or where the named one did not pass its checks.
        """
        with self._moving_pointer("rollback"):
            pointer = self._undamaged_pointer()
            target = self.get(to) if to else self._previous()
            self._require_passed(target)
            if pointer and pointer.release == target.name:
                raise ReleaseError(f"{target.name} is being served already.")
            away = self._digest_of(pointer)
            rejected = [*(d for d in (pointer.rejected if pointer else ()) if d != away), away]
            rejected = [digest for digest in rejected if digest and digest != target.digest]
            model = pointer.model if pointer else ModelRef("")
            trial, why = pointer.trial if pointer else None, reason or "rollback"
            return self._replace(pointer, target.name, model, trial, rejected, why)

    @contextmanager
    def lease(self, name: str, owner: str) -> Generator[Release]:
        """Keep a release on disk while the block runs, or until this process is gone."""
        with self._moving_pointer(f"lease for {owner}"):
            release = self.get(name)
            claim = ExitStack()
            claim.enter_context(leased(self._leases, name, owner))
        with claim:
            yield release

    def collect(self) -> list[str]:
        """Remove what nobody needs, and what killed builds left; returns the releases' names.

        Kept are the current release, the head, whatever a live reader leases, and `keep` more,
        newest first and failed ones last. Nothing is removed while another process builds.
        """
        try:
            with self._building("collection"):
                remove_temporary(self.root)
                with self._moving_pointer("collection"):
                    removed = set_aside(self.root, self._unwanted())
                    remove_temporary_files(self.root)
                remove_temporary(self.root)
                return removed
        except ReleaseLocked:
            return []

    def _unwanted(self) -> list[str]:
        pointer, head = self.current(), self.head()
        used = leased_releases(self._leases)
        used |= {pointer.release} if pointer else set()
        used |= {head.name} if head else set()
        spare = [r for r in self.list() if r.name not in used]
        spare.sort(key=lambda r: (self._passed(r), r.sequence), reverse=True)
        wanted = used | {release.name for release in spare[: self.keep]}
        on_disk = [path.name for path in self.root.iterdir()]
        return [n for n in on_disk if sequence_of(n) is not None and n not in wanted]

    def _building(self, purpose: str) -> AbstractContextManager[int]:
        return locked(self.root / "build.lock", purpose)

    def _moving_pointer(self, purpose: str) -> AbstractContextManager[int]:
        return locked(self.root / "pointer.lock", purpose, _POINTER_WAIT_SECONDS)

    def _plan(
        self,
        digest: str,
        spec: IndexSpec,
        versions: Mapping[str, str],
        origins: Mapping[str, Origin],
        run_id: str,
        base: Release | None,
        lock: int,
    ) -> Plan:
        return Plan(
            sequence=self._next_sequence(),
            digest=digest,
            spec=spec,
            versions=versions,
            origins=origins,
            run_id=run_id,
            base=base,
            lock=lock,
            writer=self._writer,
        )

    def _is_damaged(self, release: Release) -> bool:
        verdict = self._verdict_on(release)
        return verdict is not None and verdict.damaged

    def _failed_before(self, digest: str) -> bool:
        verdict = self.verdict(digest)
        return verdict is not None and verdict.damaged

    def _base(self, spec: IndexSpec) -> Release | None:
        for release in reversed(self.list()):
            manifest = release.manifest
            same = (manifest.format, manifest.fingerprint) == (FORMAT, spec.fingerprint)
            if same and manifest.dimension == spec.dimension and self._passed(release):
                return release
        return None

    def _next_sequence(self) -> int:
        named = [sequence_of(path.name) or 0 for path in self.root.iterdir()]
        pointer = self._undamaged_pointer()
        served = (pointer and sequence_of(pointer.release)) or 0
        return next_number(self.root / "sequence.json", max([served, *named]))

    def _set_head(self, release: Release) -> Release:
        replace_json(self.root / HEAD, {"release": release.name, "digest": release.digest})
        return release

    def _require_passed(self, release: Release) -> None:
        if not self._passed(release):
            what = "failed its checks" if self._verdict_on(release) else "was not verified"
            raise ReleaseError(f"{release.name} {what}: only what passed them is served.")

    def _previous(self) -> Release:
        others = self.fallbacks()
        if not others:
            raise ReleaseError("There is no other good release to go back to; see `rag releases`.")
        return others[0]

    def _digest_of(self, pointer: Pointer | None) -> str:
        """Digest of what is served, even where that is damaged or gone."""
        try:
            return self.get(pointer.release).digest if pointer else ""
        except ReleaseError:
            return ""

    def _replace(
        self,
        last: Pointer | None,
        release: str,
        model: ModelRef,
        trial: Trial | None,
        rejected: Sequence[str],
        why: str,
    ) -> Pointer:
        reached = last.generation if last else 0
        generation = next_number(self.root / "generation.json", reached)
        return replace_pointer(self.root, last, generation, release, model, trial, rejected, why)
