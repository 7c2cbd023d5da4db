"""Exceptions become typed JSON: a status, a word for programs, a sentence for people.

Knows which exception is whose fault. Never tells a stack trace, nor repeats what was sent.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from rag_pipelines.chat.access import ForeignUser
from rag_pipelines.chat.admission import Overloaded
from rag_pipelines.chat.history.protocol import HistoryUnavailable, UnknownAnswer, UnknownSession
from rag_pipelines.chat.live import Busy, NoRelease, UnknownRelease
from rag_pipelines.errors import ModelError, ModelUnavailable, RagError

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
_MOST_TOLD = 10
ENDING = {"type": "shutting_down", "message": "The service is ending; ask again in a moment."}
FAILED = "The service failed on this; its log tells why."
_FAULTS: tuple[tuple[type[RagError], int, str], ...] = (
    (ModelUnavailable, 503, "model_unavailable"),
    (ModelError, 502, "model_failed"),
    (NoRelease, 503, "no_release"),
    (Busy, 503, "busy"),
    (Overloaded, 503, "overloaded"),
    (HistoryUnavailable, 503, "history_unavailable"),
    (UnknownSession, 404, "unknown_session"),
    (UnknownAnswer, 404, "unknown_answer"),
    (UnknownRelease, 404, "unknown_release"),
    (ForeignUser, 403, "foreign_user"),
    (RagError, 500, "internal"),
)
_STATUSES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class Refusal(JSONResponse):
    """An error as every call tells it; its word is left where `request_log` finds it."""

    def __init__(self, status: int, word: str, message: str, headers: Mapping[str, str]) -> None:
        """`word` is for programs and one of this code's, `message` for people."""
        super().__init__({"error": {"type": word, "message": message}}, status, headers)
        self._word = word

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["refused"] = self._word
        await super().__call__(scope, receive, send)


def refusal(
    status: int, word: str, message: str, headers: Mapping[str, str] | None = None
) -> Refusal:
    """An error to answer with."""
    return Refusal(status, word, message, headers or {})


def fault(error: RagError) -> tuple[int, str]:
    """Status and word of an error that was raised on purpose."""
    return next((status, word) for kind, status, word in _FAULTS if isinstance(error, kind))


def tell_errors(app: FastAPI) -> None:
    """Handle every exception that the app's routes raise on purpose; `guard` has the others."""

    @app.exception_handler(RagError)
    def known(_: Request, error: RagError) -> JSONResponse:
        status, word = fault(error)
        log.warning("%s: %s", word, error)
        wait = error.retry_after if isinstance(error, Overloaded) else RETRY_AFTER_SECONDS
        headers = {"Retry-After": str(wait)} if status == 503 else None
        return refusal(status, word, str(error), headers)

    @app.exception_handler(ClientDisconnect)
    def left(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=499)  # nobody reads it

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return refusal(422, "invalid_request", _explained(error.errors()))

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        if isinstance(error.__cause__, ValueError | RecursionError):  # FastAPI could not parse it
            return refusal(
                422, "invalid_request", "body: not UTF-8, or nested too deeply, for JSON"
            )
        word = _STATUSES.get(error.status_code, "bad_request")
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette names the methods of one route alone
            headers["Allow"] = ", ".join(_methods(request))
        return refusal(error.status_code, word, str(error.detail), headers)


def _methods(request: Request) -> list[str]:
    """The methods that this path may be called with."""
    here = [r for r in request.app.routes if r.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in here for method in getattr(route, "methods", ())})


def _explained(errors: Sequence[Any]) -> str:
    told = [f"{_place(error['loc'])}: {_message(error['msg'])}" for error in errors[:_MOST_TOLD]]
    rest = len(errors) - len(told)
    return "; ".join([*told, f"and {rest} more"] if rest else told)


def _place(location: Sequence[Any]) -> str:
    """Where it was, the names of unknown fields made printable: they were sent by anybody."""
    return ".".join(ascii(str(part))[1:-1][:60] for part in location)


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")
