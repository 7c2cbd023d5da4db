"""Text that a thread writes, read in an event loop, and stopped when its reader goes.

Does not know what writes it.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor

STOPPING_SECONDS = 1.0

Put = Callable[[str], None]


async def pieces_of(
    thread: Executor, write: Callable[[Put, threading.Event], None]
) -> AsyncGenerator[str]:
    """What `write` puts, as it comes; whatever it raises is raised at the end.

    Closing the generator sets the event that `write` was given, and waits a second at most until
    it ends, so that its slot is free.
    """
    loop, pieces, stopped = asyncio.get_running_loop(), asyncio.Queue[str](), threading.Event()

    def put(piece: str) -> None:
        try:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)
        except RuntimeError:  # the loop was closed: nobody reads any more
            stopped.set()

    def work() -> None:
        try:
            write(put, stopped)
        finally:
            put("")  # an empty one is the last

    written = thread.submit(work)
    try:
        while piece := await pieces.get():
            yield piece
        await asyncio.wrap_future(written)
    finally:
        stopped.set()
        if not written.cancel():
            await asyncio.wait([asyncio.wrap_future(written)], timeout=STOPPING_SECONDS)
