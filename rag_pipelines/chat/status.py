"""How the service is, in one record. Knows no transport."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Health:
    """`ok` serves what was last published, `degraded` something else, `unready` nothing."""

    status: Literal["ok", "degraded", "unready"]
    reason: str = ""
    release: str = ""
    generation: int = 0
