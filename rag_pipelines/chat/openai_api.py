"""OpenAI's chat protocol over the same answers: `POST /v1/chat/completions`, `GET /v1/models`.

The conversation is the caller's: its earlier messages make the question stand alone, and nothing
is kept unless a session is named. System messages of the caller's are not obeyed, for the prompt
is what makes answers cite. What is streamed is checked, sentence by sentence, and never taken
back.
"""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response

from rag_pipelines.chat.access import user_of
from rag_pipelines.chat.answer import ANSWER_TOKENS
from rag_pipelines.chat.asking import Asked, Asking
from rag_pipelines.chat.events import Answer, Done, Event, Retrieved, Sentence
from rag_pipelines.chat.live import LiveRelease, UnknownRelease
from rag_pipelines.chat.openai_schemas import (
    MODEL,
    ChatMessage,
    Choice,
    Completion,
    CompletionBody,
    CompletionUsage,
    ModelEntry,
    ModelList,
    SaidMessage,
    chunk,
)
from rag_pipelines.chat.questions import answered, begun
from rag_pipelines.chat.refusals import ENDING, FAILED, fault
from rag_pipelines.chat.streams import EventStream, server_sent, streamed
from rag_pipelines.errors import RagError
from rag_pipelines.inference.protocols import Message
from rag_pipelines.retrieval.grounding import without_marks

log = logging.getLogger(__name__)

_END = b"data: [DONE]\n\n"
_STREAMED = streamed("The answer, or with `stream` its chunks, the last before [DONE].")


def openai_routes(asking: Asking, live: LiveRelease) -> APIRouter:
    """The routes that OpenAI's clients call."""
    router = APIRouter(prefix="/v1")

    @router.get("/models")
    def models() -> ModelList:
        """The models that may be named: `rag`, and `rag:` with a release."""
        names = [MODEL, *(f"{MODEL}:{release}" for release in live.releases())]
        return ModelList(data=[ModelEntry(id=name, created=0) for name in names])

    @router.post("/chat/completions", response_model=Completion, responses=_STREAMED)
    async def completions(body: CompletionBody, request: Request) -> Completion | Response:
        """Answer the last message, with citations."""
        events = asking.events(_asked(body, user_of(request, None)))
        if body.stream:
            first = await begun(request, events)
            usage = bool(body.stream_options and body.stream_options.include_usage)
            return EventStream(_told(body.model, first, events, usage), _fault(ENDING))
        return _completion(body.model, await answered(request, events))

    return router


def _asked(body: CompletionBody, user_id: str) -> Asked:
    *earlier, last = body.messages
    longest = body.max_completion_tokens or body.max_tokens or ANSWER_TOKENS
    return Asked(
        text=last.text,
        user_id=user_id,
        session_id=body.session_id or "",
        release=_release(body.model),
        max_tokens=min(longest, ANSWER_TOKENS),
        earlier=None if body.session_id else _conversation(earlier),
    )


def _conversation(messages: list[ChatMessage]) -> list[Message]:
    return [
        Message(message.role, without_marks(message.text))
        for message in messages
        if message.role in ("user", "assistant") and message.text.strip()
    ]


def _release(model: str) -> str | None:
    name, _, release = model.partition(":")
    if name != MODEL:
        raise UnknownRelease(f"There is no model {model[:100]!r}; GET /v1/models lists them.")
    return release or None


def _shared(model: str, answer_id: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{answer_id}", "created": int(time.time()), "model": model}


def _completion(model: str, answer: Answer) -> Completion:
    said = SaidMessage(content=answer.answer, citations=answer.citations)
    return Completion(
        **_shared(model, answer.answer_id),
        choices=[Choice(message=said)],
        usage=_usage(answer),
        release=answer.release,
        answer_id=answer.answer_id,
        grounded=answer.grounded,
    )


def _usage(answer: Answer) -> CompletionUsage:
    read, written = answer.usage.prompt_tokens or 0, answer.usage.completion_tokens or 0
    return CompletionUsage(
        prompt_tokens=read, completion_tokens=written, total_tokens=read + written
    )


async def _told(
    model: str, first: Retrieved, events: AsyncGenerator[Event], usage: bool
) -> AsyncGenerator[bytes]:
    """The chunks of a streamed completion; one that fails on the way ends in an error."""
    shared = _shared(model, first.answer_id)
    said = ""
    async with aclosing(events):
        yield server_sent(chunk(shared, {"role": "assistant", "content": ""}, None))
        try:
            async for event in events:
                if isinstance(event, Sentence):
                    said += event.text
                    yield server_sent(chunk(shared, {"content": event.text}, None))
                elif isinstance(event, Done):
                    for piece in _ended(shared, event.answer, said, usage):
                        yield piece
        except RagError as error:
            log.warning("an answer broke off: %s", error)
            yield _fault({"type": fault(error)[1], "message": str(error)})
        except Exception:
            log.exception("an answer broke off")
            yield _fault({"type": "internal", "message": FAILED})


def _ended(shared: dict[str, Any], answer: Answer, said: str, usage: bool) -> list[bytes]:
    """What is left to say, the citations on the last chunk, and the end."""
    left = answer.answer.removeprefix(said)
    last = {
        **chunk(shared, {}, "stop"),
        "citations": [asdict(citation) for citation in answer.citations],
        "release": answer.release,
        "answer_id": answer.answer_id,
        "grounded": answer.grounded,
    }
    pieces = [server_sent(chunk(shared, {"content": left}, None))] if left else []
    pieces.append(server_sent(last))
    if usage:
        told = {**chunk(shared, {}, None), "choices": [], "usage": _usage(answer).model_dump()}
        pieces.append(server_sent(told))
    return [*pieces, _END]


def _fault(error: dict[str, str]) -> bytes:
    return server_sent({"error": error})
