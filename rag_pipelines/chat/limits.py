"""How many calls a user may make. Knows rates and a clock, and no request.

Written here, for the well-kept library (`limits`) keeps its counters in memory by the wall clock,
which may jump, holds an entry for every call and a list for every key for ever, and starts a thread
that walks all of them. This is one number for each user.
"""

import time
from collections.abc import Callable

from rag_pipelines.config.rates import Rate

_ROUNDING = 1e-6
"""Seconds that sums of floating point may be off."""


class Limiter:
    """As many calls at once as the rate allows, and then one more each time its share has passed.

    It is a token bucket, kept as the generic cell rate algorithm keeps it: of each user the time at
    which the bucket would be full again (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
    Not to be shared between threads.
    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds and never goes back."""
        self._share = rate.seconds / rate.calls
        self._burst = rate.seconds - self._share
        self._clock = clock
        self._full_at: dict[str, float] = {}

    def take(self, user: str) -> float:
        """Take a call of a user's budget: 0, or the seconds until there is one."""
        now = self._clock()
        full_at = max(self._full_at.get(user, now), now)
        early = full_at - now - self._burst
        if early > _ROUNDING:
            return early
        self._full_at[user] = full_at + self._share
        return 0.0
