"""Feedback as a set to learn from: each answer once, and nobody's data in it.

Knows which of two opinions counts and what of one is text that a person wrote. Does not know what
personal data looks like, where feedback is kept, or that Dagster exists.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from rag_pipelines.chat.history.protocol import Feedback
from rag_pipelines.records import Progress, RatedAnswer, no_progress

Opinion = TypeVar("Opinion", Feedback, RatedAnswer)
Scrub = Callable[[str, Sequence[str]], str]
"""A text without personal data; names that the titles hold are products' and stay."""
Said = tuple[str, str]
"""An answer's id and the time of the opinion: changed, an opinion has another."""


def rated_answers(
    feedback: Sequence[Feedback],
    scrub: Scrub,
    known: Mapping[Said, RatedAnswer] | None = None,
    progress: Progress = no_progress,
) -> list[RatedAnswer]:
    """The last opinion of each answer, scrubbed, oldest first.

    An answer is the same where its id is, or the question and the words that it was given in, so
    that what many were told and rated counts once. `known` are opinions that were scrubbed before.
    """
    said = sorted(feedback, key=lambda one: (one.created_at, one.answer_id))
    said = _last(_last(said, lambda one: one.answer_id), _told)
    rows: list[RatedAnswer] = []
    for one in said:
        progress("scrub", len(rows), len(said))
        rows.append((known or {}).get((one.answer_id, one.created_at)) or _row(one, scrub))
    progress("scrub", len(said), len(said))
    return _last(rows, _told)


def texts_of(row: RatedAnswer) -> list[str]:
    """All of a row that a person may have written, or that may repeat it."""
    return [row.question, row.answer, row.correction, row.comment, *row.quotes]


def scrubbed(row: RatedAnswer, scrub: Scrub) -> RatedAnswer:
    """The row with each of `texts_of` scrubbed."""
    question, answer, correction, comment, *quotes = (
        scrub(text, row.titles) if text else "" for text in texts_of(row)
    )
    return replace(
        row, question=question, answer=answer, correction=correction, comment=comment, quotes=quotes
    )


def _row(said: Feedback, scrub: Scrub) -> RatedAnswer:
    cited = said.citations
    row = RatedAnswer(
        answer_id=said.answer_id,
        rating=said.rating,
        question=said.question,
        answer=said.answer,
        correction=said.correction,
        comment=said.comment,
        quotes=[citation.quote for citation in cited],
        chunk_ids=[citation.chunk_id for citation in cited],
        titles=[" > ".join(filter(None, (citation.title, citation.heading))) for citation in cited],
        release=said.release,
        model=said.model,
        prompt=said.prompt,
        created_at=said.created_at,
    )
    return scrubbed(row, scrub)


def _last(said: Sequence[Opinion], key: Callable[[Opinion], object]) -> list[Opinion]:
    """Of those with one key the last, in the order they came in."""
    last = {key(one): one for one in said}
    return [one for one in said if last[key(one)] is one]


def _told(one: Feedback | RatedAnswer) -> tuple[str, str]:
    return " ".join(one.question.split()).lower(), " ".join(one.answer.split())
