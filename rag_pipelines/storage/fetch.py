"""The one guarded way out to content: pages, sitemaps, robots.txt, documents.

Knows HTTP requests, redirects and caps. What may be connected to is decided in `addresses`;
what is fetched, how often and how politely is the crawler's. No cookie is kept, no proxy is
read from the environment, and every byte is counted before it is stored.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpcore

from rag_pipelines.errors import BlockedAddress, FetchError, TooManyRedirects
from rag_pipelines.storage.addresses import AddressGuard
from rag_pipelines.storage.fetch_decoding import ACCEPT_ENCODING, body_for, too_large
from rag_pipelines.storage.fetch_network import Connections
from rag_pipelines.storage.fetch_urls import Target, parse_target, redirect_url

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BODILESS = frozenset({204, 304})
_OURS = frozenset(
    {"host", "user-agent", "accept-encoding", "connection", "content-length"}
    | {"transfer-encoding", "te", "upgrade", "proxy-authorization", "expect"}
)
_CREDENTIALS = frozenset({"authorization", "cookie"})
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:+-]+)", re.IGNORECASE)
_DRAINED = 65_536
_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    OSError,
)


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Caps of one fetch. Bytes count on the wire and after decompression; times in seconds.

    `total_timeout` covers all hops of a fetch, its wait for a free connection excepted.
    """

    max_bytes: int = 10_000_000
    max_redirects: int = 5
    connect_timeout: float = 10
    read_timeout: float = 20
    total_timeout: float = 60


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered: any status, a 304 or 500 too.

    `url` is the last hop's, `redirects` the hops' before it, in order. Header names are
    lower-case, repeated headers joined with a comma; `body` is decompressed.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    redirects: tuple[str, ...] = ()

    @property
    def content_type(self) -> str:
        """Media type in lower case without parameters; empty where none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """Character set that the Content-Type header names, in lower case."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return found[1].lower() if found else None


class Fetcher:
    """Fetches content over a pool of connections to vetted addresses.

    Used as an async context manager inside one asyncio event loop; `fetch` may run in many
    tasks at once, of which `max_connections` at a time are on the network.
    """

    def __init__(
        self,
        guard: AddressGuard,
        limits: FetchLimits | None = None,
        user_agent: str = "rag_pipelines",
        max_connections: int = 32,
    ) -> None:
        self._limits = limits or FetchLimits()
        self._user_agent = user_agent.encode("latin-1", "replace")
        self._slots = asyncio.Semaphore(max_connections)
        self._connections = Connections(guard, max_connections)
        self._extensions = {
            "timeout": {
                "connect": self._limits.connect_timeout,
                "read": self._limits.read_timeout,
                "write": self._limits.read_timeout,
            }
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connections.aclose()

    async def fetch(
        self, url: str, headers: Mapping[str, str] | None = None, follow_redirects: bool = True
    ) -> Response:
        """Get a URL; conditional headers pass through, so a 304 is an answer like any other.

        Raises:
            BlockedAddress: the URL, or a redirect's, may not be fetched from.
            TooLarge: the body passes `max_bytes`, as sent or decompressed.
            TooManyRedirects: more than `max_redirects`.
            FetchError: anything else: refused, reset, cut short, too slow, not HTTP.
        """
        async with self._slots:
            try:
                async with asyncio.timeout(self._limits.total_timeout):
                    return await self._follow(parse_target(url), headers or {}, follow_redirects)
            except TimeoutError:
                raise FetchError(
                    f"{_shown(url)} took longer than {self._limits.total_timeout:g} s in all."
                ) from None
            except _FAILURES as error:
                raise FetchError(f"{_shown(url)}: {_described(error)}") from error

    async def _follow(
        self, target: Target, headers: Mapping[str, str], follow_redirects: bool
    ) -> Response:
        hops: list[str] = []
        while True:
            async with self._connections.answer(self._request(target, headers)) as answer:
                received = _headers(answer)
                location = received.get("location") if answer.status in _REDIRECTS else None
                if location is None or not follow_redirects:
                    body = await self._body(answer, received)
                    return Response(target.url, answer.status, received, body, tuple(hops))
                await _drain(answer)
            hops.append(target.url)
            if len(hops) > self._limits.max_redirects:
                raise TooManyRedirects(f"{_shown(hops[0])}: over {len(hops) - 1} redirects.")
            following = parse_target(redirect_url(target, location))
            if following.origin != target.origin:
                headers = {k: v for k, v in headers.items() if k.lower() not in _CREDENTIALS}
            target = following

    def _request(self, target: Target, headers: Mapping[str, str]) -> httpcore.Request:
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        sent = self._request_headers(target, headers)
        return httpcore.Request(b"GET", url, headers=sent, extensions=self._extensions)

    def _request_headers(
        self, target: Target, headers: Mapping[str, str]
    ) -> list[tuple[bytes, bytes]]:
        sent = [
            (b"Host", target.authority.encode()),
            (b"User-Agent", self._user_agent),
            (b"Accept-Encoding", ACCEPT_ENCODING.encode()),
        ]
        for name, value in headers.items():
            if name.lower() not in _OURS:
                sent.append((name.encode("latin-1"), value.encode("latin-1", "replace")))
        return sent

    async def _body(self, answer: httpcore.Response, received: Mapping[str, str]) -> bytes:
        cap = self._limits.max_bytes
        bodiless = answer.status in _BODILESS  # its headers tell of a body that is not sent
        if not bodiless and int(received.get("content-length") or 0) > cap:
            raise too_large(cap)
        body = body_for("" if bodiless else received.get("content-encoding", ""), cap)
        async for data in answer.aiter_stream():
            body.feed(data)
        return body.finish()


async def _drain(answer: httpcore.Response) -> None:
    """Read a redirect's short body so that its connection can be used again."""
    left = _DRAINED
    async for data in answer.aiter_stream():
        left -= len(data)
        if left < 0:
            break


def _headers(response: httpcore.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        if name != "set-cookie":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _shown(url: str) -> str:
    """The URL for a message: without what could be a secret, a query or a user's name."""
    try:
        target = parse_target(url)
    except BlockedAddress:
        return "The URL"
    return f"{target.scheme}://{target.authority}{target.path.partition('?')[0]}"[:300]


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
