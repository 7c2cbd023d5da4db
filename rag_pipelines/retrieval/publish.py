"""The pointer file: the one commit point of serving.

Knows its keys and how it moves. The caller holds the pointer's lock, and has made sure that
what it points to is there and good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import ModelRef, Trial
from rag_pipelines.storage.durable import read_json, replace_json

CURRENT = "current.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """What is served. `generation` rises with every replace, whatever it points to.

    `tried_since` is when `model` and `trial` began to answer side by side, empty without a trial.
    `rejected` holds the digests that a rollback turned away: no sensor brings them back.
    """

    generation: int
    release: str
    model: ModelRef
    trial: Trial | None = None
    tried_since: str = ""
    rejected: tuple[str, ...] = ()
    reason: str = ""
    written_at: str = ""

    def serves(self, release: str, model: ModelRef, trial: Trial | None) -> bool:
        """Whether this is what is served already."""
        return (self.release, self.model, self.trial) == (release, model, trial)


def read_pointer(root: Path) -> Pointer | None:
    """What is served now; None before the first publication.

    Raises `ReleaseError` where the file is not what a publication writes.
    """
    try:
        found = read_json(root / CURRENT)
        if found is None:
            return None
        return Pointer(
            generation=int(found["generation"]),
            release=str(found["release"]),
            model=ModelRef(**found["model"]),
            trial=_trial(found.get("trial")),
            tried_since=str(found.get("tried_since", "")),
            rejected=tuple(found["rejected"]),
            reason=found["reason"],
            written_at=found["written_at"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ReleaseError(
            f"{root / CURRENT} is damaged ({error!r}); name a release with `rag rollback RELEASE`."
        ) from error


def replace_pointer(
    root: Path,
    before: Pointer | None,
    generation: int,
    release: str,
    model: ModelRef,
    trial: Trial | None,
    rejected: Sequence[str],
    reason: str,
) -> Pointer:
    """Point to a release, in one step that readers see whole or not at all."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    goes_on = before is not None and (before.model, before.trial) == (model, trial)
    pointer = Pointer(
        generation=generation,
        release=release,
        model=model,
        trial=trial,
        tried_since=before.tried_since if before and goes_on else now if trial else "",
        rejected=tuple(rejected),
        reason=reason,
        written_at=now,
    )
    replace_json(root / CURRENT, asdict(pointer))
    return pointer


def _trial(told: Mapping[str, Any] | None) -> Trial | None:
    return Trial(ModelRef(**told["model"]), float(told["share"])) if told else None
