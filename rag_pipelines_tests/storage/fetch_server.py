"""A raw HTTP server on loopback that can break the protocol, and a witness of every connect.

The witness is an audit hook, so it sees each `connect` of the process whatever library made it.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Bytes to send as they are, or a coroutine that writes; the connection stays open after."""

_witnesses: list[list[str]] = []


def _witness(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        for seen in _witnesses:
            seen.append(str(address[0] if isinstance(address, tuple) else address))


sys.addaudithook(_witness)


@contextmanager
def connects() -> Iterator[list[str]]:
    """The addresses this process connects to, in order."""
    seen: list[str] = []
    _witnesses.append(seen)
    try:
        yield seen
    finally:
        _witnesses.remove(seen)


def ok(body: bytes = b"ok", *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(location: str, status: int = 302) -> bytes:
    return ok(b"moved", f"Location: {location}", status=f"{status} Moved")


@dataclass
class Asked:
    path: str
    headers: dict[str, str]


@dataclass
class LoopbackServer:
    """Answers each path from `routes`; counts connections and remembers what was asked."""

    routes: dict[str, Answer] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> "LoopbackServer":
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def hung_up(self) -> bool:
        """Whether the client closes every connection soon."""
        return not (await asyncio.wait(self._tasks, timeout=5))[1]

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self._writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                await self._answer((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"), writer)
        writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        request, *lines = head.split("\r\n")
        path = request.split(" ")[1]
        pairs = (line.split(": ", 1) for line in lines if line)
        self.asked.append(Asked(path, {name.lower(): value for name, value in pairs}))
        answer = self.routes.get(path, ok(b"none", status="404 Not Found"))
        if isinstance(answer, bytes):
            writer.write(answer)
            await writer.drain()
        else:
            await answer(writer)
