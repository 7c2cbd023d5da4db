"""Logging in on the page: a key once, then a cookie that only this site's own page sends.

Knows cookies. Whether a key is one stands in `keys`, what a cookie opens in `gate`.
"""

from math import ceil
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from rag_pipelines.chat.access import LOCAL, caller_of
from rag_pipelines.chat.gate import COOKIE
from rag_pipelines.chat.keys import Keys, session_of
from rag_pipelines.chat.limits import Limiter
from rag_pipelines.chat.refusals import refusal
from rag_pipelines.chat.schemas import Plain
from rag_pipelines.config.rates import Rate

REMEMBERED_SECONDS = 30 * 24 * 3_600
WRONG = Rate(10, 60)
"""How many wrong keys are answered one by one."""


class LoginBody(BaseModel):
    """A key as `rag keys add` printed it."""

    model_config = ConfigDict(extra="forbid")
    key: Annotated[Plain, Field(min_length=1, max_length=200)]


class MeBody(BaseModel):
    """Who asks: `user` is null where keys exist and none was given.

    `revoked`: this browser was logged in with a key that is none any more.
    """

    user: str | None
    keys: bool
    logged_in: bool
    revoked: bool


def login_routes(keys: Keys) -> APIRouter:
    """The routes over `keys`."""
    router, wrong = APIRouter(), Limiter(WRONG)

    @router.post("/api/login", status_code=204, response_class=Response)
    async def login(body: LoginBody, request: Request) -> Response:
        """Log this browser in with a key, until the key is revoked or the browser logs out."""
        session = session_of(body.key.strip())
        if keys.owner(session) is None:
            return _wrong(wrong.take(""))
        response = Response(status_code=204)
        response.set_cookie(
            COOKIE,
            session,
            max_age=REMEMBERED_SECONDS,
            secure=request.headers.get("origin", "").startswith("https:"),  # as the browser sees it
            httponly=True,
            samesite="strict",
        )
        return response

    @router.post("/api/logout", status_code=204, response_class=Response)
    async def logout() -> Response:
        """Log this browser out."""
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    @router.get("/api/me")
    async def me(request: Request) -> MeBody:
        """The user of this browser or key, and whether the service asks for keys."""
        caller = caller_of(request)
        user = caller.user if caller.keyed else LOCAL
        inside = caller.user is not None
        revoked = caller.keyed and not inside and COOKIE in request.cookies
        return MeBody(user=user, keys=caller.keyed, logged_in=inside, revoked=revoked)

    return router


def _wrong(wait: float) -> Response:
    """A right key is let in at all times: nobody can shut others out by sending wrong ones."""
    if wait:
        message = f"Too many wrong keys; wait {ceil(wait)} s, or send a right one."
        return refusal(429, "rate_limited", message, {"Retry-After": str(ceil(wait))})
    message = "That is no key of this service. Keys are made with: rag keys add NAME."
    return refusal(401, "wrong_key", message, {"WWW-Authenticate": "Bearer"})
