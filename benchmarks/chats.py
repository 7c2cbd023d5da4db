"""Stage `chats`: row L1, fifty streamed chats at once for ten minutes.

The model writes twenty tokens a second. What it takes to its first token is taken off the time
that the reader waits for his.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psutil

from benchmarks import asking
from benchmarks.context import Context
from benchmarks.corpus import percentiles
from benchmarks.load import TOKENS_PER_SECOND, serving

_CLIENTS = 50
_SECONDS = 600.0
_WORDS = 120


def run(context: Context) -> dict[str, Any]:
    seconds = context.load_seconds or _SECONDS
    with (
        serving(context, 1 / TOKENS_PER_SECOND, _WORDS, slots=_CLIENTS, queue=0) as served,
        _resident(served.process) as resident,
    ):
        apart = _WORDS / TOKENS_PER_SECOND / _CLIENTS
        asked = asking.chats(served.base, _CLIENTS, seconds, apart, served.questions)
        replies = asyncio.run(asked)
    written, times = served.written(replies), served.model.times
    return served.figures(replies) | {
        "written": len(written),
        "first_token_above_model": percentiles(
            [r.first - r.began - times[r.question][0] for r in written]
        ),
        "rss_mb": round(resident[-1] / 1e6),
        "rss_growth_percent": _growth(resident),
    }


@contextmanager
def _resident(process: psutil.Process) -> Iterator[list[int]]:
    """Resident bytes of a process, once a second while the block runs."""
    samples, stop = list[int](), Event()

    def sample() -> None:
        while not stop.wait(1):
            samples.append(process.memory_info().rss)

    sampler = Thread(target=sample)
    sampler.start()
    try:
        yield samples
    finally:
        stop.set()
        sampler.join()


def _growth(resident: Sequence[int]) -> float:
    """How much more there was in the last fifth than in the second; the first warms up."""
    fifth = max(1, len(resident) // 5)
    return round(100 * (max(resident[-fifth:]) / max(resident[fifth : 2 * fifth]) - 1), 1)
