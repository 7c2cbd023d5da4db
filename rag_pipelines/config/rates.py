"""How often something may be done: `60/minute` and the like."""

import re
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_WRITTEN = re.compile(rf"([1-9][0-9]{{0,6}})/({'|'.join(_SECONDS)})")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in so many seconds."""

    calls: int
    seconds: int


def rate(value: object) -> Rate:
    """A rate as it is written in a setting. Raises `ValueError`."""
    if isinstance(value, Rate):
        return value
    match = _WRITTEN.fullmatch(str(value))
    if not match:
        raise ValueError("calls/second, calls/minute, calls/hour or calls/day, such as 60/minute")
    return Rate(int(match[1]), _SECONDS[match[2]])
