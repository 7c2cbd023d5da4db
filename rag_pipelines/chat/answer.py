"""A question in, an answer with citations out. The service and `rag ask` both come through here.

Knows the order: make it stand alone, search, judge, prompt, generate, ground. Does not know HTTP,
where the release came from, or who asks; remembers nothing between questions.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import uuid4

from rag_pipelines.chat.cited_tables import shown
from rag_pipelines.chat.draft import Draft
from rag_pipelines.chat.events import Answer, Done, Event, Retrieved, Sentence, Token, Usage
from rag_pipelines.chat.followup import standalone
from rag_pipelines.chat.prompt import Fitted, fitted_prompt, prompt_digest
from rag_pipelines.chat.stages import Stages
from rag_pipelines.chat.tasks import computed
from rag_pipelines.inference.extractive import NAME as EXTRACTIVE
from rag_pipelines.inference.protocols import (
    NO_ANSWER,
    Embedder,
    Generator,
    Message,
    Quotation,
)
from rag_pipelines.records import GroundedAnswer, Hit
from rag_pipelines.retrieval.grounding import (
    Checked,
    Grounding,
    abstention,
    extractive_answer,
    relevant,
)
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters

PASSAGES = 6
"""How many passages an answer is written from, if they fit."""
ANSWER_TOKENS = 256


def _new_id() -> str:
    return uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, what it may be answered from, and the conversation it belongs to.

    `earlier` are the conversation's last messages, oldest first; `unread` counts those before
    them. `max_tokens` bounds the answer.
    """

    text: str
    k: int = PASSAGES
    filters: Filters = field(default_factory=Filters)
    session_id: str = field(default_factory=_new_id)
    answer_id: str = field(default_factory=_new_id)
    earlier: Sequence[Message] = ()
    unread: int = 0
    max_tokens: int = ANSWER_TOKENS


@dataclass(frozen=True, slots=True)
class Version:
    """What one answer is made with, opened together: it never changes under a question."""

    generation: int
    retriever: Retriever
    embedder: Embedder
    generator: Generator


async def answer(question: Question, version: Version) -> Answer:
    """The answer alone: see `answer_events`."""
    async with aclosing(answer_events(question, version)) as events:
        async for event in events:
            if isinstance(event, Done):
                return event.answer
    raise AssertionError("answer_events ends with Done or raises")


async def answer_events(
    question: Question, version: Version, stages: Stages | None = None
) -> AsyncGenerator[Event]:
    """Answer from what this version's release says: `Retrieved` first, `Done` last.

    Where nothing relevant was found, or the generator found no answer in it, the answer says so
    and cites nothing. Where no sentence of the generator's is supported, the best supporting
    sentences of the passages stand in. Raises `ModelUnavailable` or `ModelError`. `stages` is told
    of the steps.
    """
    told = _Telling(question, version, stages or Stages())
    step = told.stages.step
    with step("rewrite"):
        asked = await standalone(question.text, question.earlier, version.generator)
    with step("retrieve"):
        hits = await computed(lambda: version.retriever.search(asked, question.k, question.filters))
    yield told.retrieved(asked, len(hits))
    if not relevant(asked, hits):
        yield told.done(abstention())
    elif version.generator.name == EXTRACTIVE:  # which sentences answer is for retrieval to say
        with step("generate"):
            said = await computed(lambda: extractive_answer(asked, hits, version.embedder))
        for event in _quoted(said):
            yield event
        yield told.done(said)
    else:
        async for event in _generated(asked, hits, told):
            yield event


def _quoted(said: GroundedAnswer) -> Iterator[Event]:
    """An extractive answer sentence by sentence, as one that is being written is told."""
    for piece, citation in zip(said.pieces, said.citations, strict=True):
        yield Token(piece)
        yield Sentence(piece, shown(citation))


async def _generated(asked: str, hits: Sequence[Hit], told: "_Telling") -> AsyncGenerator[Event]:
    question, version = told.question, told.version
    generator, step = version.generator, told.stages.step
    longest = min(question.max_tokens, generator.context_tokens // 4)
    room = generator.context_tokens - longest
    fitted = await fitted_prompt(question.text, hits, generator, room, question.earlier)
    read = hits[: len(fitted.prompt.hits)]
    grounding = Grounding(read, version.embedder)
    draft = Draft(f"{asked}\n{question.text}", read)
    text = ""
    with step("generate"):
        async with aclosing(generator.stream(fitted.prompt, longest)) as pieces:
            async for piece in pieces:
                text += piece
                if isinstance(piece, Quotation):
                    grounding.quote(piece)
                if _declined(text):
                    break
                if not _may_decline(text):
                    for event in await _said(told, grounding, draft, text):
                        yield event
    if _declined(text, whole=True):
        yield told.done(abstention(), fitted, await _count(generator, text))
        return
    for event in await _said(told, grounding, draft, text, whole=True):
        yield event
    said, model = grounding.answer, ""
    if not said.citations:
        with step("check"):
            said = await computed(lambda: extractive_answer(asked, read, version.embedder))
        model = EXTRACTIVE
    yield told.done(said, fitted, await _count(generator, text), model)


async def _said(
    told: "_Telling", grounding: Grounding, draft: Draft, text: str, whole: bool = False
) -> list[Event]:
    """What the text so far gives to show."""
    checked: list[Checked] = []
    if grounding.write(text) or whole:
        with told.stages.step("check"):
            checked = await computed(lambda: grounding.check(whole))
    more = draft.more(grounding.written, checked)
    kept = [one for one in checked if one.text]
    return [
        *([Token(more)] if more else []),
        *(Sentence(one.text, one.citation and shown(one.citation)) for one in kept),
    ]


def _may_decline(text: str) -> bool:
    """Whether the generator may be about to say that it has no answer."""
    return NO_ANSWER.startswith(_bare(text)[: len(NO_ANSWER)]) and "\n" not in text.strip()


def _declined(text: str, whole: bool = False) -> bool:
    first_line, ended, _ = text.strip().partition("\n")
    return _bare(first_line) == NO_ANSWER and (whole or bool(ended))


def _bare(text: str) -> str:
    return text.strip(" .!:*\"'\n").upper()


async def _count(generator: Generator, text: str) -> int:
    return sum(await generator.count_tokens([text]))


@dataclass(frozen=True, slots=True)
class _Telling:
    """Puts events together for one question."""

    question: Question
    version: Version
    stages: Stages

    def retrieved(self, asked: str, results: int) -> Retrieved:
        version = self.version
        return Retrieved(
            session_id=self.question.session_id,
            answer_id=self.question.answer_id,
            question=asked,
            results=results,
            release=version.retriever.manifest.release,
            generation=version.generation,
            model=version.generator.name,
        )

    def done(
        self,
        said: GroundedAnswer,
        fitted: Fitted | None = None,
        written: int | None = None,
        model: str = "",
    ) -> Done:
        question, version = self.question, self.version
        return Done(
            Answer(
                answer=said.text,
                answer_id=question.answer_id,
                session_id=question.session_id,
                citations=[shown(citation) for citation in said.citations],
                release=version.retriever.manifest.release,
                generation=version.generation,
                model=model or version.generator.name,
                prompt=prompt_digest(),
                grounded=said.grounded,
                abstained=said.abstained,
                usage=self._usage(fitted, written),
            )
        )

    def _usage(self, fitted: Fitted | None, written: int | None) -> Usage:
        limit = self.version.generator.context_tokens
        if fitted is None:
            return Usage(context_limit=limit)
        return Usage(
            context_tokens=fitted.tokens,
            context_limit=limit,
            dropped_chunks=fitted.dropped,
            dropped_turns=fitted.dropped_turns + self.question.unread,
            prompt_tokens=fitted.tokens,
            completion_tokens=written,
        )
