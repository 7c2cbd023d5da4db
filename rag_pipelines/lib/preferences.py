"""Pairs to learn from: corrections, thumbs, files, and what passages support over what they do not.

Knows no Dagster.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from rag_pipelines.inference.prompt_parts import parts_of
from rag_pipelines.lib.learning import Corpus
from rag_pipelines.models.tuning.contrasts import contrasts
from rag_pipelines.models.tuning.data import conversation_of
from rag_pipelines.models.tuning.rows import Draft, pairs, words_of
from rag_pipelines.models.tuning.sources import pairs_in
from rag_pipelines.records import Chunk, Example, Hit, Pair, RatedAnswer
from rag_pipelines.retrieval.grounding import ground, without_marks


def pairs_of(
    corpus: Corpus, feedback: Sequence[RatedAnswer], examples: Sequence[Example]
) -> list[Pair]:
    """Every pair that there is now. Raises `ConfigError` and `UserError` for files."""
    said = (one for source in corpus.settings.pairs for one in pairs_in(source))
    drafts = [
        *_corrected(corpus, feedback),
        *_preferred(corpus, feedback),
        *map(corpus.told, said),
        *_supported(corpus, examples),
    ]
    return pairs(drafts, corpus.seed, corpus.dropped)


def _corrected(corpus: Corpus, feedback: Sequence[RatedAnswer]) -> Iterator[Draft]:
    """What an answer should have been, over what it was."""
    for one in feedback:
        if one.correction and (hits := corpus.cited(one)):
            ids = [one.answer_id]
            told = corpus.draft("correction", one.question, hits, one.correction, ids)
            yield replace(told, rejected=without_marks(one.answer))


def _preferred(corpus: Corpus, feedback: Sequence[RatedAnswer]) -> Iterator[Draft]:
    """Liked answers over disliked ones to the same question."""
    to_question = defaultdict[str, list[RatedAnswer]](list)
    for one in feedback:
        to_question[words_of(one.question)].append(one)
    for said in to_question.values():
        liked = [one for one in said if one.rating == "up"]
        disliked = [one for one in said if one.rating == "down"]
        for better, worse in product(liked, disliked):
            if hits := corpus.cited(better):
                ids, answer = [better.answer_id, worse.answer_id], without_marks(better.answer)
                told = corpus.draft("thumbs", better.question, hits, answer, ids)
                yield replace(told, rejected=without_marks(worse.answer))


def _supported(corpus: Corpus, examples: Sequence[Example]) -> Iterator[Draft]:
    """What a page says over what it does not say, of questions of the corpus."""
    made = sorted((one for one in examples if one.origin == "corpus"), key=lambda one: one.id)
    for one in made:
        parts = parts_of(one.contents[-1])
        others = [
            other.completion
            for other in made
            if other.split == one.split and other.page != one.page
        ]
        worse = contrasts(one.completion, others, corpus.settings.seed)
        unsupported = (text for text in worse if parts and _lacks_support(text, parts.passages))
        rejected = next(unsupported, None)
        if rejected is None or parts is None:
            corpus.dropped["no answer that its passages do not support"] += 1
            continue
        yield Draft(
            origin="grounding",
            question=parts.question,
            messages=conversation_of(one),
            answer=one.completion,
            rejected=rejected,
            pages=[one.page],
        )


def _lacks_support(answer: str, passages: str) -> bool:
    chunk = Chunk(id="", source="", url="", title="", heading="", text=passages, tokens=0)
    return ground(answer, [Hit(chunk, 1.0, 1)]).grounded < 1
