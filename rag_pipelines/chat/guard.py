"""What every request and response goes through: small enough, nosniff, CSP.

A response may bring a stricter policy of its own. Knows no route, and not who asks: `gate` does.
"""

import asyncio
import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_pipelines.chat.refusals import ENDING, FAILED, RETRY_AFTER_SECONDS, Refusal, refusal

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

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

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

        if _announced(Headers(scope=scope)) > MAX_BODY:
            await refusal(413, "too_large", _TOO_LARGE)(scope, receive, with_headers)
        else:
            try:
                await self._app(scope, _limited(receive), with_headers)
            except asyncio.CancelledError:  # the service ends, and nobody else cancels a request
                if not begun:
                    await _ending()(scope, receive, with_headers)
            except Exception:
                if begun:
                    raise
                log.exception("a request failed")
                await refusal(500, "internal", FAILED)(scope, receive, with_headers)


def _ending() -> Refusal:
    wait = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return refusal(503, ENDING["type"], ENDING["message"], wait)


_TOO_LARGE = f"The body has more than {MAX_BODY} bytes; send a shorter one."


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
