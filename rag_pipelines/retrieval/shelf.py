"""What there is in a folder of releases, and what ought to become of it. Changes nothing.

Knows the files beside the releases: the pointer, the head, the verdicts. `releases` moves them.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from rag_pipelines.errors import ReleaseError
from rag_pipelines.retrieval.manifest import Release, load_release, sequence_of
from rag_pipelines.retrieval.publish import Pointer, read_pointer
from rag_pipelines.retrieval.verdicts import ATTEMPTS, Verdict, read_verdict
from rag_pipelines.storage.durable import read_json

HEAD = "head.json"
State = Literal["built", "served", "failed", "rejected"]


class Shelf:
    """Releases below `root`, to be read while other processes change them."""

    def __init__(self, root: Path) -> None:
        """Nothing is read yet, and nothing need be there."""
        self.root = root
        self._verdicts = root / "verdicts"

    def find(self, digest: str) -> Release | None:
        """The newest release with this content."""
        return next((r for r in reversed(self.list()) if r.digest == digest), None)

    def get(self, name: str) -> Release:
        """A release by name. Raises `ReleaseError` where it is not there or not whole."""
        if sequence_of(name) is None or not (self.root / name).is_dir():
            there = ", ".join(r.name for r in self.list()) or "none"
            raise ReleaseError(f"There is no release {name!r}; there are: {there}.")
        return load_release(self.root / name)

    def current(self) -> Pointer | None:
        """What is served. Raises `ReleaseError` where the pointer file is damaged."""
        return read_pointer(self.root)

    def head(self) -> Release | None:
        """The release that the corpus added up to when it was last built."""
        try:
            return self.get(self.head_entry().get("release", ""))
        except ReleaseError:
            return None

    def head_entry(self) -> dict[str, str]:
        """`release` and `digest` of the head, even where its manifest is damaged."""
        try:
            return read_json(self.root / HEAD) or {}
        except ValueError:
            return {}

    def verdict(self, digest: str) -> Verdict | None:
        """What the checks last said of this content."""
        return read_verdict(self._verdicts, digest)

    def state(self, release: Release) -> State:
        """What became of a release."""
        pointer, verdict = self.current(), self._verdict_on(release)
        if pointer and pointer.release == release.name:
            return "served"
        if pointer and release.digest in pointer.rejected:
            return "rejected"
        return "failed" if verdict and not verdict.passed else "built"

    def needs_build(self, digest: str, golden: str = "") -> bool:
        """Whether a build and its checks would bring this content nearer to being served.

        Not when it was rejected, failed with these golden questions, or is the head and
        verified. `golden` is `golden_digest` of the questions' file.
        """
        pointer, head, verdict = self.current(), self.head(), self.verdict(digest)
        if pointer and digest in pointer.rejected:
            return False
        if verdict and not verdict.passed and verdict.golden == golden:
            return verdict.damaged and verdict.attempts < ATTEMPTS
        return head is None or head.digest != digest or self.needs_verdict(head, golden)

    def needs_verdict(self, release: Release, golden: str = "") -> bool:
        """Whether the checks have yet to see this release, or failed it on other questions."""
        verdict = self._verdict_on(release)
        return verdict is None or (not verdict.passed and verdict.golden != golden)

    def newest_publishable(self) -> Release | None:
        """The head, if it passed its checks and was not rejected: what ought to be served."""
        head, pointer = self.head(), self.current()
        rejected = pointer.rejected if pointer else ()
        return head if head and self._passed(head) and head.digest not in rejected else None

    def fallbacks(self) -> list[Release]:
        """Good releases to serve when the pointed one will not load, best first."""
        pointer = self._undamaged_pointer()
        served = (pointer and sequence_of(pointer.release)) or 0
        good = [
            release
            for release in self.list()
            if self._passed(release)
            and not (pointer and release.digest in pointer.rejected)
            and not (pointer and release.name == pointer.release)
        ]
        return sorted(good, key=lambda r: (r.sequence > served, -r.sequence))

    def list(self) -> list[Release]:
        """Every whole release, by sequence."""
        return sorted(self._whole(), key=lambda release: release.sequence)

    def _whole(self) -> Iterator[Release]:
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if sequence_of(path.name) is not None:
                with suppress(ReleaseError):  # half of a release is none
                    yield load_release(path)

    def _undamaged_pointer(self) -> Pointer | None:
        with suppress(ReleaseError):
            return self.current()
        return None

    def _verdict_on(self, release: Release) -> Verdict | None:
        verdict = self.verdict(release.digest)
        return verdict if verdict and verdict.release == release.name else None

    def _passed(self, release: Release) -> bool:
        verdict = self._verdict_on(release)
        return verdict is not None and verdict.passed
