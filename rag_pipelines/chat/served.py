"""One release opened with its model, and closed when its last user lets go.

Knows how a release becomes ready to answer. Does not know which one ought to be served.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from threading import Lock

from rag_pipelines.chat.answer import Version
from rag_pipelines.chat.probe import require_sound
from rag_pipelines.chat.trials import is_tried_on
from rag_pipelines.errors import RagError, ReleaseError
from rag_pipelines.inference import protocols
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import ModelRef, Trial
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever

LoadGenerator = Callable[[ModelRef], protocols.Generator]
"""Loads a generator; an empty name means the default of this machine."""


@dataclass(frozen=True, slots=True)
class Models:
    """The model that serves, with the challenger that is tried beside it where one is."""

    model: ModelRef
    generator: protocols.Generator
    trial: Trial | None = None
    challenger: protocols.Generator | None = None

    @property
    def slots(self) -> int:
        """How many answers may be written at once, whoever of the two writes them."""
        tried = self.challenger.slots if self.challenger else self.generator.slots
        return min(self.generator.slots, tried)


class Served:
    """A version, how it was opened, and how many use it. The opener is its first user."""

    def __init__(
        self, version: Version, release: Release, models: Models, closing: ExitStack
    ) -> None:
        """Takes over `closing`, which is closed after the last `let_go`."""
        self.version, self.release, self.models = version, release, models
        self._closing, self._users, self._lock = closing, 1, Lock()

    def version_for(self, user_id: str, session_id: str) -> Version:
        """What this user is answered with: the challenger writes for those it is tried on."""
        trial, challenger = self.models.trial, self.models.challenger
        if trial and challenger and is_tried_on(trial, user_id, session_id):
            return replace(self.version, generator=challenger)
        return self.version

    def take(self) -> None:
        """Count one more user. Only somebody who keeps the last from going may call this."""
        with self._lock:
            self._users += 1

    def let_go(self) -> None:
        """Count one user less; the last one closes the release and ends its lease."""
        with self._lock:
            self._users -= 1
            last = not self._users
        if last:
            self._closing.close()


def open_served(
    releases: Releases,
    name: str,
    generation: int,
    models: Models,
    embedder: Embedder,
) -> Served:
    """Lease, try out, open and warm a release. Raises `ReleaseError`; then nothing stays open."""
    with ExitStack() as opening:
        release = opening.enter_context(releases.lease(name, "chat service"))
        release.manifest.require_embedder(embedder.fingerprint)
        require_sound(release.path)
        retriever = _opened(release, embedder)
        opening.callback(retriever.close)
        retriever.warm()
        version = Version(generation, retriever, embedder, models.generator)
        closing = opening.pop_all()
    return Served(version, release, models, closing)


def _opened(release: Release, embedder: Embedder) -> Retriever:
    try:
        return Retriever.open(release.path, embedder)
    except RagError:
        raise
    except Exception as error:  # damaged after it was tried: libraries raise anything
        raise ReleaseError(f"{release.name} cannot be opened: {error!r}") from error


@contextmanager
def current_version(
    releases: Releases, embedder: Embedder, load_generator: LoadGenerator
) -> Iterator[Version]:
    """What is served now, opened for one command such as `rag ask`.

    Raises `ReleaseError` where nothing is published or it cannot be opened, `ModelUnavailable`
    where its generator cannot be loaded.
    """
    pointer = releases.current()
    if pointer is None:
        raise ReleaseError("Nothing is published yet; run `rag ingest` first.")
    models = Models(pointer.model, load_generator(pointer.model))
    served = open_served(releases, pointer.release, pointer.generation, models, embedder)
    try:
        yield served.version
    finally:
        served.let_go()
