"""Politeness towards a host: when the next request may go out, and when none may any more.

Knows time and hosts; sends nothing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from rag_pipelines.errors import FetchError

MAX_RETRY_AFTER = 120.0
"""A server that asks for a longer wait is left alone in this crawl."""
DEAD_AFTER = 12
"""Connections in a row that fail before a host counts as gone for this crawl."""

_DROPPED = 0.9


class OutOfTime(Exception):
    """The crawl's time would be over before the request may go out."""


class Places:
    """How many requests to one host may be under way; fewer once the host is overrun.

    A small server's listen queue holds six connections. The next ones are dropped, and the kernel
    tries again after a second: a crawl that goes on like that is slower, not faster.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._free = asyncio.Semaphore(limit)
        self._surplus = 0
        self._usual = 0.0

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """Hold a place."""
        await self._free.acquire()
        try:
            yield
        finally:
            if self._surplus:
                self._surplus -= 1
            else:
                self._free.release()

    def took(self, seconds: float) -> None:
        """Note how long a request took."""
        usual = self._usual or seconds
        # One slow answer must not make slowness usual.
        self._usual = 0.9 * usual + 0.1 * min(seconds, 2 * usual)
        fewer = max(2, self.limit // 2)
        if seconds > max(_DROPPED, 20 * usual) and fewer < self.limit:
            self._surplus += self.limit - fewer
            self.limit = fewer


class Pacing:
    """Spaces the requests to each host by at least its delay, measured as they are sent."""

    def __init__(self, delay: float, seconds: float, concurrency: int = 8) -> None:
        self._delay, self._concurrency = delay, concurrency
        self._delays: dict[str, float] = {}
        self._next: dict[str, float] = {}
        self._places: dict[str, Places] = {}
        self._failures: Counter[str] = Counter()
        self._met: set[str] = set()
        self._deadline = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        """Whether the crawl's time is used up."""
        return time.monotonic() >= self._deadline

    def slow_down(self, host: str, delay: float) -> None:
        """Keep a longer delay than the configured one, as robots.txt asks."""
        self._delays[host] = max(self._delay, delay)

    def hold(self, host: str, seconds: float) -> None:
        """Send nothing to a host for so long."""
        self._next[host] = max(self._next.get(host, 0.0), time.monotonic() + seconds)

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncGenerator[None]:
        """Wait until a request may go out to a host, and hold its place meanwhile.

        Raises:
            OutOfTime: the wait would outlast the crawl.
            FetchError: the host has not answered for too long.
        """
        places = self._places.setdefault(host, Places(self._concurrency))
        async with places.one():
            await self._wait(host)
            if self.dead(host):
                raise FetchError(f"{host} failed too often in a row and is not asked any more.")
            sent = time.monotonic()
            yield
            places.took(time.monotonic() - sent)
            self._first_took(host)

    async def _wait(self, host: str) -> None:
        while (start := self._next.get(host, 0.0)) > (now := time.monotonic()):
            if start >= self._deadline:
                raise OutOfTime
            await asyncio.sleep(start - now)
        if now >= self._deadline:
            raise OutOfTime
        self._next[host] = now + self._delays.get(host, self._delay)

    def _first_took(self, host: str) -> None:
        """The first request was sent late, after the name was resolved and hands were shaken."""
        if host not in self._met:
            self._met.add(host)
            earliest = time.monotonic() + self._delays.get(host, self._delay)
            self._next[host] = max(self._next[host], earliest)

    def answered(self, host: str) -> None:
        """The host is alive."""
        self._failures[host] = 0

    def failed(self, host: str) -> None:
        """A connection to the host failed."""
        self._failures[host] += 1

    def dead(self, host: str) -> bool:
        """Whether the host failed so often in a row that it is not asked any more."""
        return self._failures[host] >= DEAD_AFTER


def retry_after(value: str) -> float | None:
    """Seconds that a Retry-After header asks for; None where it says nothing readable."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
