"""Examples to learn from: accepted answers, golden questions, files, and the corpus itself.

Where two ask the same, what people said goes before what was made. Knows no Dagster.
"""

import asyncio
from collections.abc import Iterator, Sequence

from rag_pipelines.chat.prompt import prompt_of
from rag_pipelines.inference.extractive import NAME as EXTRACTIVE
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.lib.corpus_questions import questions_of
from rag_pipelines.lib.learning import Corpus
from rag_pipelines.lib.project import Project
from rag_pipelines.models.tuning.data import split_of
from rag_pipelines.models.tuning.rows import Draft, examples
from rag_pipelines.models.tuning.sources import examples_in
from rag_pipelines.records import Example, GroundedAnswer, Hit, RatedAnswer
from rag_pipelines.retrieval.grounding import extractive_answer, ground, without_marks
from rag_pipelines.retrieval.words import terms

_FOUND = 20
"""Results among which a golden question's passage must be."""
_ANSWER_TOKENS = 128


def examples_of(corpus: Corpus, feedback: Sequence[RatedAnswer]) -> list[Example]:
    """Every example that there is now. Raises `ConfigError` and `UserError` for files."""
    said = (one for source in corpus.settings.examples for one in examples_in(source))
    drafts = [
        *_accepted(corpus, feedback),
        *_golden(corpus),
        *map(corpus.told, said),
        *_candidates(corpus),
    ]
    return examples(drafts, corpus.seed, corpus.dropped)


def _accepted(corpus: Corpus, feedback: Sequence[RatedAnswer]) -> Iterator[Draft]:
    """What people corrected, then what they liked, the newest first."""
    liked = [one for one in feedback if one.correction or one.rating == "up"]
    for one in sorted(liked, key=lambda one: (bool(one.correction), one.created_at))[::-1]:
        if hits := corpus.cited(one):
            answer = one.correction or without_marks(one.answer)
            yield corpus.draft("feedback", one.question, hits, answer, [one.answer_id])


def _golden(corpus: Corpus) -> Iterator[Draft]:
    """Golden questions, but for those that models are measured by."""
    known = [q for q in corpus.project.golden() if any(one.quote for one in q.expect)]
    measured = known[: corpus.project.models.measure.questions]
    corpus.dropped["golden, and models are measured by it"] += len(measured)
    for golden in known[len(measured) :]:
        quotes = [one.quote for one in golden.expect if one.quote]
        hits = corpus.retriever.search(golden.question, _FOUND)
        found = [hit for hit in hits if any(quote in hit.chunk.text for quote in quotes)]
        if not found:
            corpus.dropped["golden, and its passage is not found"] += 1
            continue
        wanted = next(quote for quote in quotes if quote in found[0].chunk.text)
        yield corpus.draft("golden", golden.question, found[:1], wanted)


def _candidates(corpus: Corpus) -> Iterator[Draft]:
    """Questions of the corpus's passages, with answers that these support."""
    wanted, made = corpus.settings.candidates, 0
    if not wanted:
        return
    writer = _Writer(corpus.project)
    for chunk, question in questions_of(list(corpus.retriever.rows), corpus.settings.seed):
        if made == wanted:
            return
        hits = _of_one_split(corpus.retriever.search(question, corpus.settings.passages), corpus)
        if not hits or hits[0].chunk.url != chunk.url:
            corpus.dropped["another page answers it better"] += 1
            continue
        answer = writer.answer(question, hits)
        if _says_nothing(question, answer) or answer.grounded < corpus.settings.least_grounded:
            corpus.dropped["its passages do not support the answer"] += 1
            continue
        made += 1
        corpus.progress("questions of the corpus", made, wanted)
        yield corpus.draft("corpus", question, hits, without_marks(answer.text))


def _says_nothing(question: str, answer: GroundedAnswer) -> bool:
    """Whether an answer has no word that the question had not."""
    return answer.abstained or not set(terms(answer.text)) - set(terms(question))


def _of_one_split(hits: Sequence[Hit], corpus: Corpus) -> list[Hit]:
    """The first passage, and of the others those that are in its split."""
    splits = [split_of(hit.chunk.url, corpus.seed) for hit in hits]
    return [hit for hit, split in zip(hits, splits, strict=True) if split == splits[0]]


class _Writer:
    """Answers questions of the corpus with the generator that `datasets.writer` names."""

    def __init__(self, project: Project) -> None:
        name = project.models.datasets.writer
        self._embedder = project.embedder
        self._generator = (
            None
            if name == EXTRACTIVE
            else load_generator(name, project.settings.home, project.servers)
        )

    def answer(self, question: str, hits: Sequence[Hit]) -> GroundedAnswer:
        if self._generator is None:
            return extractive_answer(question, hits, self._embedder)
        return ground(asyncio.run(self._written(prompt_of(question, hits))), hits, self._embedder)

    async def _written(self, prompt: Prompt) -> str:
        assert self._generator is not None  # noqa: S101 - asked only where there is one
        return "".join([piece async for piece in self._generator.stream(prompt, _ANSWER_TOKENS)])
