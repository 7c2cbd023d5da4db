"""Work beside the loop that everything waits in: computed in threads, kept going, given up.

Knows asyncio. Does not know what the work is.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

Result = TypeVar("Result")

_limiters: RunVar[CapacityLimiter] = RunVar("rag_pipelines_computing")


async def computed(work: Callable[[], Result]) -> Result:
    """What `work` returns, computed in a thread; at most one for each core at a time."""
    return await to_thread.run_sync(work, limiter=_limiter())


def _limiter() -> CapacityLimiter:
    try:
        return _limiters.get()
    except LookupError:
        limiter = CapacityLimiter(max(2, os.cpu_count() or 1))
        _limiters.set(limiter)
        return limiter


async def unbroken(work: Awaitable[Result]) -> Result:
    """What `work` gives; it comes to its end even where who waits for it is cancelled."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise


async def given_up(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks and wait until they have ended, however they end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
