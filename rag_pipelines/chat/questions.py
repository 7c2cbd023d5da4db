"""The routes that a question comes in by, and how its events are told.

Knows JSON and server-sent events. What happens to a question stands in `asking`.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from rag_pipelines.chat.access import user_of
from rag_pipelines.chat.asking import Asked, Asking
from rag_pipelines.chat.events import Answer, Done, Event, Retrieved, Sentence, Token
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.refusals import ENDING, FAILED, fault
from rag_pipelines.chat.schemas import (
    MAX_RESULTS,
    MAX_SOURCES,
    AnswerBody,
    QuestionBody,
    SearchBody,
    SourceName,
    search_body,
)
from rag_pipelines.chat.schemas import Asked as AskedText
from rag_pipelines.chat.streams import EventStream, server_sent, streamed, while_read
from rag_pipelines.errors import RagError
from rag_pipelines.retrieval.rows import Filters

log = logging.getLogger(__name__)

_STREAMED = streamed(
    "The answer, or with `stream` the events retrieval, token, citation, done and error.",
    event={"enum": ["retrieval", "token", "citation", "done", "error"]},
)


def question_routes(asking: Asking, live: LiveRelease) -> APIRouter:
    """`POST /api/question` and `GET /api/search`."""
    router = APIRouter()

    @router.post("/api/question", response_model=AnswerBody, responses=_STREAMED)
    async def question(body: QuestionBody, request: Request) -> AnswerBody | Response:
        """Answer a question, with citations; or say that nothing relevant is indexed."""
        events = asking.events(
            Asked(
                text=body.question,
                user_id=user_of(request, body.user_id),
                session_id=body.session_id or "",
                release=body.release,
                filters=body.filters.rows(),
            )
        )
        if body.stream:
            first = await begun(request, events)
            return EventStream(_told(first, events), server_sent(ENDING, "error"))
        return AnswerBody.model_validate(asdict(await answered(request, events)))

    @router.get("/api/search")
    def search(
        q: Annotated[AskedText, Query()],
        source: Annotated[list[SourceName], Query(default_factory=list, max_length=MAX_SOURCES)],
        k: Annotated[int, Query(ge=1, le=MAX_RESULTS)] = 10,
    ) -> SearchBody:
        """The passages nearest to a query, best first."""
        with live.taken() as served:
            hits = served.version.retriever.search(q, k, Filters(sources=source))
            return search_body(served.release.name, hits)

    return router


async def begun(request: Request, events: AsyncGenerator[Event]) -> Retrieved:
    """The first event. What goes wrong before it is an error with a status of its own."""
    try:
        first = await while_read(request, anext(events))
        assert isinstance(first, Retrieved)  # noqa: S101 (as `answer_events` promises)
        return first
    except BaseException:
        await events.aclose()
        raise


async def answered(request: Request, events: AsyncGenerator[Event]) -> Answer:
    """The answer, unless its reader goes away."""

    async def last() -> Answer:
        async for event in events:
            if isinstance(event, Done):
                return event.answer
        raise AssertionError("the events of a question end with Done")

    async with aclosing(events):
        return await while_read(request, last())


async def _told(first: Retrieved, events: AsyncGenerator[Event]) -> AsyncGenerator[bytes]:
    """Server-sent events of a question; one that fails on the way ends in `error`."""
    async with aclosing(events):
        try:
            for piece in _sent(first):
                yield piece
            async for event in events:
                for piece in _sent(event):
                    yield piece
        except RagError as error:
            log.warning("an answer broke off: %s", error)
            yield server_sent({"type": fault(error)[1], "message": str(error)}, "error")
        except Exception:
            log.exception("an answer broke off")
            yield server_sent({"type": "internal", "message": FAILED}, "error")


def _sent(event: Event) -> list[bytes]:
    match event:
        case Retrieved():
            return [server_sent(asdict(event), "retrieval")]
        case Token():
            return [server_sent(asdict(event), "token")]
        case Sentence(_, citation):
            return [server_sent(asdict(citation), "citation")] if citation else []
        case Done(answer):
            return [server_sent(asdict(answer), "done")]
