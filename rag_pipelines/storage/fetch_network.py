"""Connections to vetted addresses and to nothing else.

The network backend that connections are opened through: each new one resolves its host, has
every address judged, and connects to an address that was judged, so a resolver that changes
its mind in between gains nothing. TLS and the Host header keep the name.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import cast

import httpcore

from rag_pipelines.storage.addresses import AddressGuard

MAX_ADDRESSES = 4
"""Addresses tried for one connection; they share the connect timeout."""

_KEEP_ALIVE = 15.0
_Origin = tuple[bytes, bytes, int | None]


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects where the guard says; made for one connection, whose stream it can close."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        # httpcore types this name as a stub for the case that anyio is missing.
        self._network = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        deadline = _now() + (timeout or 60.0)
        addresses = await self._vetted(host, port, deadline)
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = max(deadline - _now(), 0.001) / left
            try:
                self._stream = await self._network.connect_tcp(
                    address, port, share, local_address, socket_options
                )
                return self._stream
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    async def _vetted(self, host: str, port: int, deadline: float) -> list[str]:
        try:
            async with asyncio.timeout_at(deadline):
                return (await self._guard.vet(host, port))[:MAX_ADDRESSES]
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} did not resolve in time") from None

    async def aclose(self) -> None:
        """Close the stream; httpcore forgets it where a TLS handshake is cancelled."""
        if self._stream is not None:
            await self._stream.aclose()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@cache
def _ssl_context() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


class Connections:
    """Connections kept alive by origin, at most `max_idle` of them unused.

    `httpcore.AsyncConnectionPool` looks at every connection twice for each request: with 32 of
    them that is 2 ms of CPU a request, five times the request itself.
    """

    def __init__(self, guard: AddressGuard, max_idle: int) -> None:
        self._guard = guard
        self._max_idle = max_idle
        self._idle: list[tuple[_Origin, httpcore.AsyncHTTPConnection]] = []

    @asynccontextmanager
    async def answer(self, request: httpcore.Request) -> AsyncGenerator[httpcore.Response]:
        """The response to a request, its body still on the wire."""
        url = request.url
        origin = (url.scheme, url.host, url.port)
        connection, response = await self._exchange(origin, request)
        try:
            yield response
        finally:
            await response.aclose()
            await self._keep(origin, connection)

    async def _exchange(
        self, origin: _Origin, request: httpcore.Request
    ) -> tuple[httpcore.AsyncHTTPConnection, httpcore.Response]:
        kept = await self._kept(origin)
        if kept is not None:
            # A server may close an idle connection just as it is used again: ask once more.
            with suppress(httpcore.RemoteProtocolError, httpcore.ReadError):
                return kept, await kept.handle_async_request(request)
        backend = GuardedBackend(self._guard)
        fresh = httpcore.AsyncHTTPConnection(
            request.url.origin,
            ssl_context=_ssl_context() if request.url.scheme == b"https" else None,
            keepalive_expiry=_KEEP_ALIVE,
            network_backend=backend,
        )
        try:
            return fresh, await fresh.handle_async_request(request)
        except BaseException:
            await backend.aclose()
            raise

    async def _kept(self, origin: _Origin) -> httpcore.AsyncHTTPConnection | None:
        """The connection to this origin that was used last and is still open."""
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place][0] == origin:
                connection = self._idle.pop(place)[1]
                if connection.is_idle() and not connection.has_expired():
                    return connection
                await connection.aclose()
                return await self._kept(origin)
        return None

    async def _keep(self, origin: _Origin, connection: httpcore.AsyncHTTPConnection) -> None:
        if connection.is_idle():
            self._idle.append((origin, connection))
        if len(self._idle) > self._max_idle:
            await self._idle.pop(0)[1].aclose()

    async def aclose(self) -> None:
        """Close what is unused; connections in use close with their responses."""
        while self._idle:
            await self._idle.pop()[1].aclose()


def _now() -> float:
    return asyncio.get_running_loop().time()
