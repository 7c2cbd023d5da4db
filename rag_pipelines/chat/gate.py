"""Who may ask, and how often: decided in front of every route, so that none can forget it.

Where a key exists every call needs one, but for the few that tell nothing and those that a person
logs in with. Where none exists the service is this machine's own, and a request must be addressed
to a name of it: a page on the web may make a reader's browser call loopback under a name of the
page's (DNS rebinding). Knows paths and headers, no body.
"""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from math import ceil
from typing import Any

from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rag_pipelines.chat.access import Caller
from rag_pipelines.chat.keys import Keys, KeysUnreadable, session_of
from rag_pipelines.chat.limits import Limiter
from rag_pipelines.chat.pages import STATIC
from rag_pipelines.chat.refusals import refusal
from rag_pipelines.config.rates import Rate

log = logging.getLogger(__name__)

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
COOKIE = "rag_session"
ALIVE = "/livez"
OPEN = frozenset({ALIVE, "/readyz", "/api/login", "/api/logout", "/api/me", *STATIC})
COSTLY = frozenset({"/api/question", "/api/search", "/v1/chat/completions"})
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key that rag keys add NAME printed; where the service has no key, none.",
}
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = re.compile(r"bearer ([A-Za-z0-9_-]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who may ask, and how often.

    `hosts` are the names, lower case, that a request may be addressed to where no key exists;
    without any, nobody may ask without a key. `rate` holds for each key, or for all where there is
    none.
    """

    keys: Keys
    hosts: Collection[str] = LOOPBACK_NAMES
    rate: Rate | None = None


def declare_keys(app: FastAPI) -> None:
    """Let the app's OpenAPI say which calls need a key: those that `Gate` asks for one."""
    routes_of = app.openapi

    def openapi() -> dict[str, Any]:
        schema = routes_of()
        schema["components"]["securitySchemes"] = {"key": _SCHEME}
        for path in schema["paths"].keys() - OPEN:
            for call in schema["paths"][path].values():
                call["security"] = [{"key": []}]
        return schema

    app.openapi = openapi  # https://fastapi.tiangolo.com/how-to/extending-openapi


class Gate:
    """ASGI middleware in front of the routes. Leaves the `Caller` where `access` finds it."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        """`rules` are asked at every request; their keys may change meanwhile."""
        self._app, self._rules = app, rules
        self._limiter = Limiter(rules.rate) if rules.rate else None
        self._told = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        refused = self._refused(request, scope["path"], scope["method"])
        await (refused or self._app)(scope, receive, send)

    def _refused(self, request: HTTPConnection, path: str, method: str) -> Response | None:
        try:
            caller = self._caller(request)
        except KeysUnreadable as error:
            self._tell(str(error))
            return None if path == ALIVE else refusal(503, "keys_unreadable", _UNREADABLE)
        self._told = ""
        request.state.caller = caller
        if not caller.keyed and self._rules.hosts and _host(request) not in self._rules.hosts:
            names = ", ".join(sorted(self._rules.hosts))
            return refusal(400, "wrong_host", f"Address this service as one of: {names}.")
        if path not in OPEN and caller.user is None and (caller.keyed or not self._rules.hosts):
            return refusal(401, "key_required", _KEY_REQUIRED, {"WWW-Authenticate": "Bearer"})
        if method not in _READING and _from_elsewhere(request):
            return refusal(403, "cross_origin", _CROSS_ORIGIN)
        return self._limited(caller.user or "") if path in COSTLY else None

    def _caller(self, request: HTTPConnection) -> Caller:
        keys = self._rules.keys
        if not keys.all():
            return Caller()
        session = _session(request)
        return Caller(keys.owner(session) if session else None, keyed=True)

    def _limited(self, user: str) -> Response | None:
        wait = ceil(self._limiter.take(user)) if self._limiter else 0
        if not wait:
            return None
        message = f"This is more than the service allows; ask again in {wait} s."
        return refusal(429, "rate_limited", message, {"Retry-After": str(wait)})

    def _tell(self, problem: str) -> None:
        """Log a problem once, not at every request that it lasts."""
        if problem != self._told:
            log.error("%s", problem)
        self._told = problem


_UNREADABLE = "The service cannot read its keys, so it lets nobody in; its log tells more."
_KEY_REQUIRED = (
    "A valid key is needed, in one header Authorization: Bearer KEY, or log in on the page. "
    "Keys are made with: rag keys add NAME."
)
_CROSS_ORIGIN = "A page of another site sent this; the service takes it from its own page only."


def _session(request: HTTPConnection) -> str | None:
    """The session that a request brings, or that follows from its key; a header goes first."""
    given = request.headers.getlist("authorization")
    if not given:
        return request.cookies.get(COOKIE)
    bearer = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    return session_of(bearer[1]) if bearer else None


def _from_elsewhere(request: HTTPConnection) -> bool:
    """Whether a browser sends this for a page of another origin.

    Browsers say so; what says neither is no browser. The rule is that of Go's
    `http.CrossOriginProtection`. A cookie of ours would not come along (SameSite=Strict), but
    where no key exists none is needed.
    """
    site = request.headers.get("sec-fetch-site")
    if site:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "").lower()
    return origin is not None and origin.lower().partition("://")[2] != host


def _host(request: HTTPConnection) -> str:
    name, colon, port = request.headers.get("host", "").lower().rpartition(":")
    return name if colon and port.isdecimal() else f"{name}{colon}{port}"
