"""Which model answers, and which one is tried beside it: what was promoted, when, by whom and why.

The newest promotion to a role counts. MLflow's aliases follow this file, so that serving never
needs MLflow. Does not know what makes a model better.
"""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from rag_pipelines.errors import ArtifactError
from rag_pipelines.records import ModelRef
from rag_pipelines.storage.durable import read_json, replace_json

Role = Literal["champion", "challenger"]
ROLES: Final[tuple[Role, ...]] = ("champion", "challenger")
GATE: Final = "gate"
"""Who promoted, where no person did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A model given a role: `variant` as `models.yaml` has it, `model` as the service loads it.

    `by` is `GATE` or a person's name, `at` an ISO time in UTC. `rejects` is the digest of the
    champion that a person went back from: the gate does not bring it back.
    """

    role: Role
    variant: str
    model: ModelRef
    by: str
    reason: str
    rejects: str = ""
    at: str = ""


class Promotions:
    """The file of promotions of one installation."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Promotion]:
        """Every promotion, oldest first. Raises `ArtifactError` where the file is damaged."""
        try:
            found = read_json(self._path) or {"promotions": []}
            return [_read(one) for one in found["promotions"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{self._path} is damaged ({error!r}); move it away, then: rag models promote"
            ) from error

    def newest(self, role: Role) -> Promotion | None:
        """What has the role now."""
        return next((one for one in reversed(self.all()) if one.role == role), None)

    def champions(self) -> tuple[Promotion | None, Promotion | None]:
        """The champion and the one before it, which is another model."""
        named = [one for one in self.all() if one.role == "champion"]
        now = named[-1] if named else None
        others = [one for one in named if now and one.model != now.model]
        return now, others[-1] if others else None

    def rejected(self) -> set[str]:
        """Digests of models that somebody went back from, and nobody promoted since."""
        found = set[str]()
        for one in self.all():
            if one.role == "champion":
                found.discard(one.model.digest)
            if one.rejects:
                found.add(one.rejects)
        return found

    def add(self, promotion: Promotion) -> None:
        """Give a model its role, from now on."""
        dated = replace(promotion, at=datetime.now(UTC).isoformat(timespec="seconds"))
        told = [asdict(one) for one in (*self.all(), dated)]
        replace_json(self._path, {"promotions": told})


def _read(told: dict[str, object]) -> Promotion:
    model = told["model"]
    if not isinstance(model, dict):
        raise TypeError(f"a model is an object, not {model!r}")
    return Promotion(**{**told, "model": ModelRef(**model)})  # pyright: ignore[reportArgumentType, reportUnknownArgumentType]
