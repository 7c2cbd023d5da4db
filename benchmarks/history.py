"""Stage `history`: row L7, ten thousand conversations of twenty turns, read back.

In SQLite, and a twentieth of them in a MongoDB-compatible server. Conversations are written side
by side, as people write them.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.context import Context, tell
from benchmarks.corpus import percentiles, spread
from rag_pipelines.chat.history.protocol import ChatHistory
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines_tests.chat.history.mongo_server import free_port, mongo_server
from rag_pipelines_tests.chat.history.talk import exchange

_EXCHANGES = 10
_PARTS = 4
"""The disk is looked at after each of so many equal parts."""
_READ = 500
_MONGO_SHARE = 20
_JOURNAL = "WiredTigerLog"


def run(context: Context) -> dict[str, Any]:
    sqlite, mongo = Path(context.work) / "sqlite", Path(context.work) / "mongo"
    mongo.mkdir()
    found = asyncio.run(kept(f"sqlite:///{sqlite / 'history.db'}", sqlite, context.sessions))
    port, few = free_port(), max(_PARTS, context.sessions // _MONGO_SHARE)
    with mongo_server(mongo, port):
        url = f"mongodb://127.0.0.1:{port}/bench"
        told = asyncio.run(kept(url, mongo, few, lambda: _checkpoint(url)))
    return {"sqlite": found, "mongo": told}


def _checkpoint(url: str) -> None:
    """MongoDB writes what it was given into its files once a minute, or when it is told to."""
    from pymongo import MongoClient

    with MongoClient[Any](url) as client:
        client.admin.command("fsync")


async def kept(
    url: str, folder: Path, sessions: int, settle: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Write so many conversations to a store whose files lie in a folder, and read some.

    `settle` is called before the files are looked at.
    """
    history = open_history(url)
    began, disk = time.monotonic(), list[int]()
    for part in range(_PARTS):
        names = [str(number) for number in range(sessions) if number % _PARTS == part]
        for number in range(_EXCHANGES):
            for name in names:
                await exchange(history, f"{name} question {number}", name)
        await history.close()  # SQLite puts what its journal holds into the file
        settle()
        disk.append(_size(folder))
        tell(f"history: {url.partition(':')[0]}: part {part + 1} of {_PARTS} is written")
    seconds = time.monotonic() - began
    names = [str(number) for number in spread(sessions, _READ)]
    read = await _timed(names, lambda name: history.read("ann", name))
    recent = await _timed(names, lambda name: history.recent("ann", name, 2 * _EXCHANGES))
    disordered = [name for name in names if not await _in_order(history, name)]
    await history.close()
    return {
        "sessions": sessions,
        "turns_per_second": round(2 * _EXCHANGES * sessions / seconds),
        "read": percentiles(read),
        "recent": percentiles(recent),
        "disordered": len(disordered),
        "disk_mb": [round(size / 1e6, 1) for size in disk],
        "disk_growth": _growth(disk),
    }


def _size(folder: Path) -> int:
    """Bytes of a store's files, without MongoDB's journal, which grows by 10 MB at a time."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files if _JOURNAL not in path.name)


def _growth(disk: list[int]) -> float | None:
    """What the last part added, against the second; None where files grow by leaps that size."""
    second, last = disk[1] - disk[0], disk[-1] - disk[-2]
    return round(last / second, 2) if second else None


async def _timed(names: list[str], read: Callable[[str], Any]) -> list[float]:
    seconds: list[float] = []
    for name in names:
        began = time.perf_counter()
        await read(name)
        seconds.append(time.perf_counter() - began)
    return seconds


async def _in_order(history: ChatHistory, name: str) -> bool:
    _, turns = await history.read("ann", name)
    asked = [f"{name} question {number}" for number in range(_EXCHANGES)]
    return [turn.seq for turn in turns] == list(range(1, 2 * _EXCHANGES + 1)) and [
        turn.content for turn in turns[::2]
    ] == asked
