"""A question in, an answer with citations out. The service and `rag ask` both come through here.

Knows the order: search, judge, prompt, generate, ground. Does not know HTTP, where the release
came from, or who asks; remembers nothing between questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from rag_pipelines.chat.cited_tables import shown
from rag_pipelines.chat.prompt import NO_ANSWER, Fitted, fitted_prompt, prompt_digest
from rag_pipelines.inference.protocols import Embedder, Generator
from rag_pipelines.records import Citation, GroundedAnswer, Hit
from rag_pipelines.retrieval.grounding import abstention, extractive_answer, ground, relevant
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters

PASSAGES = 6
"""How many passages an answer is written from, if they fit."""
ANSWER_TOKENS = 256
EXTRACTIVE = "extractive:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, what it may be answered from, and the conversation it belongs to."""

    text: str
    k: int = PASSAGES
    filters: Filters = field(default_factory=Filters)
    session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the answer took. `context_tokens` is an estimate: see `approximate_tokens`.

    Counts that the generator's own server did not tell are None.
    """

    context_tokens: int = 0
    context_limit: int = 0
    dropped_chunks: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as every interface tells it. `model` is the one whose words these are."""

    answer: str
    answer_id: str
    session_id: str
    citations: list[Citation]
    release: str
    generation: int
    model: str
    prompt: str
    grounded: float
    abstained: bool
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Version:
    """What one answer is made with, opened together: it never changes under a question."""

    generation: int
    retriever: Retriever
    embedder: Embedder
    generator: Generator


def answer(question: Question, version: Version) -> Answer:
    """Answer from what this version's release says.

    Where nothing relevant was found, or the generator found no answer in it, the answer says so
    and cites nothing. Where no sentence of the generator's is supported, the best supporting
    sentences of the passages stand in. Raises `ModelUnavailable` or `ModelError`.
    """
    hits = version.retriever.search(question.text, question.k, question.filters)
    if not relevant(question.text, hits):
        return _told(question, version, abstention(), None)
    if version.generator.name == EXTRACTIVE:  # chosen by meaning here, by words alone there
        extract = extractive_answer(question.text, hits, version.embedder)
        return _told(question, version, extract, None)
    fitted = _fitted(question.text, hits, version.generator)
    text = "".join(version.generator.stream(fitted.prompt, _answer_tokens(version.generator)))
    if _declined(text):
        return _told(question, version, abstention(), fitted)
    shown = hits[: len(fitted.prompt.hits)]
    grounded = ground(text, shown, version.embedder)
    if grounded.citations:
        return _told(question, version, grounded, fitted)
    extract = extractive_answer(question.text, shown, version.embedder)
    return _told(question, version, extract, fitted, EXTRACTIVE)


def _fitted(question: str, hits: Sequence[Hit], generator: Generator) -> Fitted:
    return fitted_prompt(question, hits, generator.context_tokens - _answer_tokens(generator))


def _answer_tokens(generator: Generator) -> int:
    return min(ANSWER_TOKENS, generator.context_tokens // 4)


def _declined(text: str) -> bool:
    first_line = text.strip().partition("\n")[0]
    return first_line.strip(" .!:*\"'").upper() == NO_ANSWER


def _told(
    question: Question,
    version: Version,
    said: GroundedAnswer,
    fitted: Fitted | None,
    model: str = "",
) -> Answer:
    limit = version.generator.context_tokens
    usage = Usage(context_limit=limit)
    if fitted:
        usage = Usage(
            context_tokens=fitted.tokens, context_limit=limit, dropped_chunks=fitted.dropped
        )
    return Answer(
        answer=said.text,
        answer_id=uuid4().hex,
        session_id=question.session_id or uuid4().hex,
        citations=[shown(citation) for citation in said.citations],
        release=version.retriever.manifest.release,
        generation=version.generation,
        model=model or version.generator.name,
        prompt=prompt_digest(),
        grounded=said.grounded,
        abstained=said.abstained,
        usage=usage,
    )
