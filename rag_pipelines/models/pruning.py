"""Which artifacts nobody needs any more.

Needed are those that somebody points to, whatever they were made of, and what was measured of
both. Knows recipes; does not know who points to a model, and removes nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from rag_pipelines.storage.artifacts import Artifact

_MEASURED, _MODEL = "measured", "model"
_COMPARED_WITH = "among"
"""Models that a timing was compared with, which it can do without."""


def unneeded(artifacts: Iterable[Artifact], wanted: Collection[str]) -> list[Artifact]:
    """The artifacts that `wanted` digests can do without, largest first."""
    there = {artifact.digest: artifact for artifact in artifacts}
    needed = _with_origins(wanted, there)
    measured = {
        digest for digest, one in there.items()
        if _MEASURED in one.recipe and one.recipe[_MODEL] in needed
    }  # fmt: skip
    needed |= _with_origins(measured, there)
    return sorted(
        (one for digest, one in there.items() if digest not in needed), key=lambda one: -one.size
    )


def _with_origins(digests: Iterable[str], there: Mapping[str, Artifact]) -> set[str]:
    """Artifacts and all that they were made of."""
    found: set[str] = set()
    waiting = [digest for digest in digests if digest in there]
    while waiting:
        digest = waiting.pop()
        if digest not in found:
            found.add(digest)
            told = there[digest].recipe
            waiting += [name for name in _texts(told) if name in there]
    return found


def _texts(told: Any) -> Iterator[str]:
    """Every text in a recipe, of which those that are digests name what it was made of."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping):
        parts: Mapping[str, Any] = told
        for key, part in parts.items():
            yield from _texts(part) if key != _COMPARED_WITH else ()
    elif isinstance(told, list | tuple):
        for part in told:
            yield from _texts(part)
