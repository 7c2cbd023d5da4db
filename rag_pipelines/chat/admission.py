"""Who is answered now, who waits and who is sent away, while a model has few slots.

A bounded queue in front of the slots, first come first served, with an end to every wait. Knows
numbers only. Belongs to one event loop.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from rag_pipelines.errors import RagError

QUEUE = 16
WAIT_SECONDS = 60.0


class Overloaded(RagError):
    """No slot is free, and the queue is full or the wait was too long."""

    def __init__(self, message: str, retry_after: int) -> None:
        """`retry_after` are seconds."""
        super().__init__(message)
        self.retry_after = retry_after


class Admission:
    """Lets as many in as there are slots, and a bounded number wait."""

    def __init__(self, queue: int = QUEUE, wait_seconds: float = WAIT_SECONDS) -> None:
        """`queue` may wait at once, each for `wait_seconds` at most."""
        self._queue, self._wait_seconds = queue, wait_seconds
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._slots, self._typical = 1, 1.0
        self.busy = 0
        """Slots taken."""

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    @asynccontextmanager
    async def slot(self, slots: int) -> AsyncGenerator[float]:
        """Hold one of `slots` while the block runs; gives the seconds waited. Raises `Overloaded`.

        `slots` may change from call to call, as the model does.
        """
        self._slots = slots
        came = time.monotonic()
        await self._admitted()
        began = time.monotonic()
        try:
            yield began - came
        finally:
            self._typical += (time.monotonic() - began - self._typical) / 8
            self.busy -= 1
            self._admit_next()

    async def _admitted(self) -> None:
        if self.busy < self._slots and not self._waiting:
            self.busy += 1
            return
        if len(self._waiting) >= self._queue:
            raise self._overloaded(f"{len(self._waiting)} questions wait already")
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as gone:
            self._leave(turn)
            if isinstance(gone, TimeoutError):
                raise self._overloaded(f"none came free in {self._wait_seconds:g} s") from None
            raise

    def _leave(self, turn: "asyncio.Future[None]") -> None:
        """Give up a place, or the slot that was handed over just before."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled():
            self.busy -= 1
            self._admit_next()

    def _admit_next(self) -> None:
        while self._waiting and self.busy < self._slots:
            turn = self._waiting.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)

    def _overloaded(self, why: str) -> Overloaded:
        ahead = (len(self._waiting) + 1) / self._slots
        after = min(60, max(1, math.ceil(ahead * self._typical)))
        busy = f"All {self._slots} slots of the model are taken"
        return Overloaded(f"{busy}, and {why}; ask again in {after} s.", after)
