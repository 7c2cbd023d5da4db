"""Progress of long work, told to several, under a label, or to a log every few seconds."""

import time
from collections.abc import Callable

from rag_pipelines.records import Progress

_SECONDS = 5.0


def both(first: Progress, second: Progress) -> Progress:
    """Progress that two listeners are told of."""

    def tell(stage: str, done: int, total: int | None) -> None:
        first(stage, done, total)
        second(stage, done, total)

    return tell


def labelled(tell: Progress, label: str) -> Progress:
    """Progress of one of several that do the same."""
    return lambda stage, done, total: tell(f"{label}: {stage}", done, total)


def logged(log: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> Progress:
    """Progress as log lines, few of them: event logs grow for ever."""
    last: dict[str, float] = {}

    def tell(stage: str, done: int, total: int | None) -> None:
        now = clock()
        if now - last.get(stage, now) >= _SECONDS or stage not in last:
            last[stage] = now
            log(f"{stage}: {done}{f' of {total}' if total else ''}")

    return tell
