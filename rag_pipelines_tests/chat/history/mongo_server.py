"""A MongoDB-compatible server in a process of its own, and a proxy that makes it fail."""

import asyncio
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from rag_pipelines_tests.machine import MONGO


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def mongo_server(folder: Path, port: int, *, alone: bool = True) -> Iterator[None]:
    """Runs until the block ends; what it stored stays in the folder.

    Alone, and not as the replica set that it can play: then a client asks the address it was given,
    which may be a proxy's, and has no transactions to lean on. As a replica set it can be told to
    fail (`configureFailPoint`).
    """
    role = "--standalone" if alone else "--enable-test-commands"
    command = [MONGO, role, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--cache-size", "128M", "--storage-path", folder / "db"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _await(port, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the MongoDB-compatible server did not start")


class Line:
    """What becomes of bytes on their way: `open`, `silent` (held) or `cut` (refused)."""

    state = "open"


@asynccontextmanager
async def proxied(target: int) -> AsyncIterator[tuple[int, Line]]:
    """A port that leads to `target` as the line lets it."""
    line = Line()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (data := await reader.read(65_536)) and line.state != "cut":
                while line.state == "silent":
                    await asyncio.sleep(0.02)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line.state == "cut":
            writer.close()
            return
        there, back = await asyncio.open_connection("127.0.0.1", target)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(carry(source, sink))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], line
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
