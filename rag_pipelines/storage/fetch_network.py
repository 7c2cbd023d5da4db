"""Connections to vetted addresses and to nothing else.

The network backend that httpcore's pool connects through: each new connection resolves its
host, has every address judged, and connects to an address that was judged, so a resolver that
changes its mind in between gains nothing. TLS and the Host header keep the name.
"""

import asyncio
from collections.abc import Iterable
from contextvars import ContextVar
from typing import cast

import httpcore

from rag_pipelines.storage.addresses import AddressGuard

MAX_ADDRESSES = 4
"""Addresses tried for one connection; they share the connect timeout."""

opened_connection: ContextVar[bool] = ContextVar("opened_connection", default=False)
"""Set where the running task's request needed a new connection."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects where the guard says, for an `httpcore.AsyncConnectionPool`."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._network = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        opened_connection.set(True)
        deadline = _now() + (timeout or 60.0)
        addresses = await self._vetted(host, port, deadline)
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = max(deadline - _now(), 0.001) / left
            try:
                return await self._network.connect_tcp(
                    address, port, share, local_address, socket_options
                )
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

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
