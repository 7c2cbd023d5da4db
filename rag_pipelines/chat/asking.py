"""One question from request to stored answer: admitted, held to one version, remembered.

Knows the order and what becomes of a question whose reader goes away. Does not know HTTP; how an
answer is made stands in `answer`, who may ask in `access`.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import uuid4

from rag_pipelines.chat.admission import Admission
from rag_pipelines.chat.answer import ANSWER_TOKENS, Question, answer_events
from rag_pipelines.chat.events import Answer, Done, Event, Retrieved, Sentence
from rag_pipelines.chat.history.protocol import (
    ChatHistory,
    HistoryUnavailable,
    Turn,
    UnknownSession,
)
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.served import Served
from rag_pipelines.chat.tasks import unbroken
from rag_pipelines.chat.watching import Watching
from rag_pipelines.inference.protocols import Message
from rag_pipelines.records import Citation
from rag_pipelines.retrieval.grounding import without_marks
from rag_pipelines.retrieval.rows import Filters

log = logging.getLogger(__name__)

_TURNS = 24
"""Turns of a conversation that are read for a question: more than find room in most prompts."""

OnFailure = Literal["refuse", "degrade"]
"""Where the history fails: the question is refused, or answered without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as somebody asked it.

    `earlier` is the conversation where the caller keeps it himself; then nothing is remembered.
    """

    text: str
    user_id: str
    session_id: str = ""
    release: str | None = None
    filters: Filters = field(default_factory=Filters)
    max_tokens: int = ANSWER_TOKENS
    earlier: Sequence[Message] | None = None


class Asking:
    """Answers questions, as many at once as the model has slots."""

    def __init__(
        self,
        live: LiveRelease,
        history: ChatHistory,
        admission: Admission,
        watching: Watching,
        on_failure: OnFailure = "refuse",
        slots: int | None = None,
    ) -> None:
        """`slots` goes before what the model declares."""
        self._live, self._history, self._admission = live, history, admission
        self._watching, self._slots = watching, slots
        self._on_failure: OnFailure = on_failure

    async def events(self, asked: Asked) -> AsyncGenerator[Event]:
        """What happens until the question is answered, as `answer_events` tells it.

        Raises `Overloaded`, `NoRelease`, `UnknownRelease`, `Busy`, `UnknownSession` or
        `HistoryUnavailable` before the first event, and `ModelError` at any time.
        """
        slots = self._slots or self._live.slots
        with self._watching.question() as watch:
            async with (
                self._admission.slot(slots) as waited,
                _taken(self._live, asked.release) as served,
            ):
                watch.stages.waited(waited)
                memory = _Memory(asked, self._history, self._on_failure)
                question = await memory.begin()
                try:
                    version = served.version_for(asked.user_id, question.session_id)
                    answering = answer_events(question, version, watch.stages)
                    async with aclosing(answering) as events:
                        async for event in events:
                            told = await memory.take(event)
                            watch.saw(told)
                            yield told
                finally:
                    await memory.end()


class _Memory:
    """Stores a question before its answer is written, and the answer after it."""

    def __init__(self, asked: Asked, history: ChatHistory, on_failure: OnFailure) -> None:
        self._asked, self._history, self._on_failure = asked, history, on_failure
        self._session = asked.session_id or uuid4().hex
        self._state: Literal["off", "open", "stored", "failed"] = "off"
        self._answer_id = uuid4().hex
        self._retrieved: Retrieved | None = None
        self._said: list[str] = []
        self._citations: list[Citation] = []

    async def begin(self) -> Question:
        """The question with its conversation, once it is stored."""
        asked = self._asked
        question = Question(
            text=asked.text,
            filters=asked.filters,
            session_id=self._session,
            answer_id=self._answer_id,
            earlier=asked.earlier or (),
            max_tokens=asked.max_tokens,
        )
        if asked.earlier is not None:
            return question
        try:
            turns = await self._said_before()
            await self._history.append(self._asked_turn)
        except HistoryUnavailable as error:
            self._failed(error)
            return question
        self._state = "open"
        earlier = [Message(turn.role, without_marks(turn.content)) for turn in turns]
        return replace(question, earlier=earlier, unread=turns[0].seq - 1 if turns else 0)

    async def _said_before(self) -> list[Turn]:
        """The conversation's last turns; a session that begins here has none."""
        asked = self._asked
        if not asked.session_id:
            return []
        return await self._history.recent(asked.user_id, asked.session_id, _TURNS)

    async def take(self, event: Event) -> Event:
        """Remember an event; the last one tells whether the answer is stored."""
        match event:
            case Retrieved():
                self._retrieved = event
            case Sentence(text, citation):
                self._said.append(text)
                self._citations += [citation] if citation else []
            case Done(answer):
                await self._store(self._answered(answer))
                return Done(replace(answer, history=self._told()))
            case _:
                pass
        return event

    async def end(self) -> None:
        """Mark the answer as interrupted where it did not come to its end."""
        if self._state != "open":
            return
        found = self._retrieved
        turn = replace(
            self._asked_turn,
            role="assistant",
            content="".join(self._said),
            citations=self._citations,
            release=found.release if found else "",
            generation=found.generation if found else 0,
            model=found.model if found else "",
            state="interrupted",
        )
        try:
            await unbroken(self._history.append(turn))
        except HistoryUnavailable as error:
            log.warning("an interrupted answer could not be stored: %s", error)
        except UnknownSession:
            log.info("an interrupted answer is not stored: its session was deleted")

    async def _store(self, turn: Turn) -> None:
        if self._state != "open":
            return
        self._state = "stored"
        try:
            await unbroken(self._history.append(turn))
        except HistoryUnavailable as error:
            self._failed(error)
        except UnknownSession:
            self._state = "off"
            log.info("an answer is not stored: its session was deleted")

    def _failed(self, error: HistoryUnavailable) -> None:
        """Go on without a history, or let its failure be the question's."""
        self._state = "failed"
        if self._on_failure == "refuse":
            raise error
        log.warning("answered without a history: %s", error)

    def _told(self) -> Literal["stored", "failed", "off"]:
        return "off" if self._state == "open" else self._state

    @property
    def _asked_turn(self) -> Turn:
        return Turn(
            user_id=self._asked.user_id,
            session_id=self._session,
            role="user",
            content=self._asked.text,
            answer_id=self._answer_id,
        )

    def _answered(self, answer: Answer) -> Turn:
        return replace(
            self._asked_turn,
            role="assistant",
            content=answer.answer,
            citations=answer.citations,
            release=answer.release,
            generation=answer.generation,
            model=answer.model,
            prompt=answer.prompt,
            grounded=answer.grounded,
            abstained=answer.abstained,
        )


@asynccontextmanager
async def _taken(live: LiveRelease, release: str | None) -> AsyncGenerator[Served]:
    """The version to answer from. An older release is opened, and any closed, in a thread."""
    taking = live.taken(release)
    served = await _opened(taking) if release else taking.__enter__()
    try:
        yield served
    finally:
        asyncio.get_running_loop().run_in_executor(None, _left, taking)


async def _opened(taking: AbstractContextManager[Served]) -> Served:
    opening = asyncio.ensure_future(asyncio.to_thread(taking.__enter__))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda opened: opened.exception() or _left(taking))
        raise


def _left(taking: AbstractContextManager[Served]) -> None:
    taking.__exit__(None, None, None)
