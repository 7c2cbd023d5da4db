"""Serves what the pointer file says, and moves to what it says next without an answer lost.

Knows when to open, swap, fall back and try again. Never writes the pointer, and works with the
pipelines down. How a release is opened stands in `served`.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Literal

from rag_pipelines.chat.missing import MissingGenerator
from rag_pipelines.chat.served import LoadGenerator, Models, Served, open_served
from rag_pipelines.chat.status import Health
from rag_pipelines.errors import RagError, ReleaseError
from rag_pipelines.inference.protocols import Embedder, Generator
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.publish import Pointer
from rag_pipelines.retrieval.releases import Releases

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
RETRY_SECONDS = 30.0
_NAMED_AT_ONCE = 2
_NOTHING = "no release is published yet; run `rag ingest`"
_JOIN_SECONDS = 5.0

UNNAMED = 0
"""Generation of an answer from a release that the pointer does not name."""


class NoRelease(ReleaseError):
    """There is nothing to answer from yet."""


class UnknownRelease(ReleaseError):
    """The release that was asked for by name is not one that may answer."""


class Busy(ReleaseError):
    """Too many older releases are open at once."""


class LiveRelease:
    """Follows the pointer. Every question takes one version and keeps it to its end."""

    def __init__(
        self,
        releases: Releases,
        embedder: Embedder,
        load_generator: LoadGenerator,
        poll_seconds: float = POLL_SECONDS,
        retry_seconds: float = RETRY_SECONDS,
        loaded: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is opened before `start` or `step`. `loaded` is called once a first one is."""
        self._releases, self._embedder, self._load = releases, embedder, load_generator
        self._poll_seconds, self._retry_seconds = poll_seconds, retry_seconds
        self._loaded = loaded
        self._lock, self._notice, self._stopped = Lock(), Event(), False
        self._served: Served | None = None
        self._generators: dict[ModelRef, Generator] = {}
        self._settled = self._tried = 0
        self._retry_at = 0.0
        self._trouble = "the release is being opened"
        self._named = BoundedSemaphore(_NAMED_AT_ONCE)
        self._thread = Thread(target=self._follow, name="live-release", daemon=True)
        self.failures = 0
        """How often a release or its model failed to load."""
        self.swaps = 0
        """How often questions went from one version over to the next."""

    def start(self) -> None:
        """Begin to follow the pointer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following, and close the release once the questions under way are answered."""
        self._stopped = True
        self._notice.set()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)  # a release on trial is given up with the process
        self._swap(None)

    def reload(self) -> None:
        """Look at the pointer now. A notice that is lost, repeated or late does no harm."""
        self._notice.set()

    @property
    def slots(self) -> int:
        """How many answers the served model writes at once; one where nothing is served."""
        with self._lock:
            return self._served.models.slots if self._served else 1

    def health(self) -> Health:
        """Whether questions are answered, and from what was last published."""
        with self._lock:
            served, trouble = self._served, self._trouble
        status: Literal["ok", "degraded", "unready"] = "degraded" if trouble else "ok"
        if served is None:
            return Health("unready", trouble or _NOTHING)
        return Health(status, trouble, served.release.name, served.version.generation)

    @contextmanager
    def kept(self, name: str) -> Iterator[Release]:
        """A release on disk, kept there meanwhile. Raises `ReleaseError` where it is gone."""
        with self._releases.lease(name, "chat service") as release:
            yield release

    def releases(self) -> list[str]:
        """Releases that may be named, the one being served first. Raises `NoRelease`."""
        with self.taken() as served:
            good = [release.name for release in self._releases.fallbacks()]
        return list(dict.fromkeys([served.release.name, *good]))

    @contextmanager
    def taken(self, release: str | None = None) -> Iterator[Served]:
        """The version to answer one question from: what is served, or a good release by name.

        Raises `NoRelease`, `UnknownRelease` or `Busy`.
        """
        with self._lock:
            served = self._served
            if served is None:
                raise NoRelease(f"There is nothing to answer from: {self._trouble or _NOTHING}.")
            served.take()
        try:
            if release in (None, served.release.name):
                yield served
            else:
                with self._opened(release, served) as older:
                    yield older
        finally:
            served.let_go()

    @contextmanager
    def _opened(self, name: str, beside: Served) -> Iterator[Served]:
        good = [release.name for release in self._releases.fallbacks()]
        if name not in good:
            there = ", ".join([beside.release.name, *good])
            raise UnknownRelease(f"There is no good release {name!r}; these may be named: {there}.")
        if not self._named.acquire(blocking=False):
            raise Busy("Other questions have older releases open; ask again in a moment.")
        try:
            older = self._open(name, UNNAMED, beside.models)
            try:
                yield older
            finally:
                older.let_go()
        finally:
            self._named.release()

    def _follow(self) -> None:
        while not self._stopped:
            noticed = self._notice.is_set()
            self._notice.clear()
            try:
                self.step(noticed)
            except Exception as error:  # this thread must outlive whatever a disk does
                log.exception("the pointer could not be followed")
                self._trouble = f"the pointer could not be followed: {error}"
            self._notice.wait(self._poll_seconds)

    def step(self, noticed: bool = False) -> None:
        """Look at the pointer once, and move if it says so."""
        try:
            pointer = self._releases.current()
        except ReleaseError as error:
            self._trouble = str(error)
            return
        if pointer is None or pointer.generation <= self._settled:
            self._trouble = self._stale(pointer)
        elif noticed or pointer.generation != self._tried or time.monotonic() >= self._retry_at:
            self._move_to(pointer)

    def _stale(self, pointer: Pointer | None) -> str:
        generation = pointer.generation if pointer else 0
        if generation == self._settled:
            return ""
        return f"the pointer went back to generation {generation} from {self._settled}"

    def _move_to(self, pointer: Pointer) -> None:
        self._tried, self._retry_at = pointer.generation, time.monotonic() + self._retry_seconds
        troubles: list[str] = []
        models = self._models_of(pointer, troubles)
        opened = None
        if models and not self._is_served(pointer, models):
            opened = self._first_sound(pointer, models, troubles)
        if opened and self._stopped:
            opened.let_go()
        elif opened:
            if self._served is None:
                self._loaded()
            self._swap(opened)
        if not troubles:
            self._settled = pointer.generation
        self.failures += bool(troubles)
        self._trouble = "; ".join(troubles)
        self._report(pointer)

    def _report(self, pointer: Pointer) -> None:
        health = self.health()
        said = f"{health.release or 'no release'}, generation {health.generation}"
        if health.reason:
            log.error("generation %d: %s; serving %s", pointer.generation, health.reason, said)
        else:
            log.info("serving %s", said)

    def _is_served(self, pointer: Pointer, models: Models) -> bool:
        """Whether only what fails to load is missing of what the pointer names."""
        served = self._served
        return (
            served is not None
            and served.version.generation == pointer.generation
            and served.models == models
        )

    def _models_of(self, pointer: Pointer, troubles: list[str]) -> Models | None:
        """What the pointer names; a challenger that fails to load is left out."""
        trial = pointer.trial
        kept = {pointer.model, trial.model} if trial else {pointer.model}
        generator = self._generator_for(pointer.model, troubles)
        if generator is None and self._served is None:
            generator = MissingGenerator(pointer.model.name, troubles[0])
        if generator is None:
            return None
        challenger = self._generator_for(trial.model, troubles) if trial else None
        self._generators = {ref: one for ref, one in self._generators.items() if ref in kept}
        return Models(pointer.model, generator, trial if challenger else None, challenger)

    def _generator_for(self, model: ModelRef, troubles: list[str]) -> Generator | None:
        if found := self._generators.get(model):
            return found
        try:
            generator = self._load(model)
        except RagError as error:
            troubles.append(f"the model {model.name or '(default)'} failed to load: {error}")
            return None
        self._generators[model] = generator
        return generator

    def _first_sound(self, pointer: Pointer, models: Models, troubles: list[str]) -> Served | None:
        """What the pointer names, or at start the best release that loads."""
        candidates = [(pointer.release, pointer.generation)]
        if self._served is None:
            candidates += [(release.name, UNNAMED) for release in self._releases.fallbacks()]
        for name, generation in candidates:
            try:
                return self._open(name, generation, models)
            except ReleaseError as error:
                troubles.append(f"{name} failed to load: {error}")
        return None

    def _open(self, name: str, generation: int, models: Models) -> Served:
        return open_served(self._releases, name, generation, models, self._embedder)

    def _swap(self, opened: Served | None) -> None:
        with self._lock:
            old, self._served = self._served, opened
            self.swaps += bool(old and opened)
        if old:
            old.let_go()
