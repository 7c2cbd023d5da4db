"""What every request and response goes through: addressed to us, small enough, nosniff, CSP.

A response may bring a stricter policy of its own.

A page on the web may make a reader's browser call loopback under a name of its own (DNS
rebinding), so a request must be addressed to a name that is ours. Knows no route.
"""

import logging
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_pipelines.chat.refusals import FAILED, refusal

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        """`hosts` are names without a port, lower case; IPv6 in brackets."""
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                told = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    told.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if _host(headers) not in self._hosts:
            names = ", ".join(sorted(self._hosts))
            refused = refusal(400, "wrong_host", f"Address this service as one of: {names}.")
            await refused(scope, receive, with_headers)
        elif _announced(headers) > MAX_BODY:
            await refusal(413, "too_large", _TOO_LARGE)(scope, receive, with_headers)
        else:
            try:
                await self._app(scope, _limited(receive), with_headers)
            except Exception:
                if begun:
                    raise
                log.exception("%s %s failed", scope["method"], scope["path"])
                await refusal(500, "internal", FAILED)(scope, receive, with_headers)


_TOO_LARGE = f"The body has more than {MAX_BODY} bytes; send a shorter one."


def _host(headers: Headers) -> str:
    name, colon, port = headers.get("host", "").lower().rpartition(":")
    return name if colon and port.isdecimal() else f"{name}{colon}{port}"


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _limited(receive: Receive) -> Receive:
    """The same body, refused once it is longer than announced or than allowed."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY:
            raise HTTPException(413, _TOO_LARGE)
        return message

    return limited
