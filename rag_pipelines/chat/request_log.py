"""Every request from outside: an id, a number in the metrics, a line in the log.

Knows routes and statuses. The path itself, the query, headers and bodies are never told, for they
may hold what somebody asks or a key.
"""

import logging
import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_pipelines.chat.access import Caller
from rag_pipelines.chat.logs import REQUEST_ID, Told
from rag_pipelines.chat.metrics import Metrics

log = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_UNMATCHED = "other"
"""A route or method that there is not, or that was refused before it was looked for."""
_LEFT = 499
"""The status where the reader went away before any was sent, as nginx has it."""


class RequestLog:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        REQUEST_ID.set(request_id)  # of this request's task, with which it goes
        began, status = time.monotonic(), _LEFT

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, with_id)
        finally:
            self._tell(scope, status, time.monotonic() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        found, state = scope.get("route"), scope.get("state", {})
        route = getattr(found, "path", _UNMATCHED)
        known = scope["method"] in (getattr(found, "methods", None) or ())
        method = scope["method"] if known else _UNMATCHED
        reason = state.get("refused", "")
        self._metrics.request(method, route, status, seconds, reason)
        told: Told = {
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        if reason:
            told["reason"] = reason
        if user := state.get("caller", Caller()).user:
            told["user"] = user
        log.info("request", extra={"told": told})


def _request_id(headers: Headers) -> str:
    """What the caller calls his request, where that can stand in a log, or a new id."""
    given = headers.get(HEADER, "")
    return given if _SANE.fullmatch(given) else uuid4().hex
