"""Golden questions held against a retriever: it finds what it must, and nothing it must not.

Knows what passing means. Does not know where the questions come from, or what becomes of a
release that fails them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.records import Hit
from rag_pipelines.retrieval.grounding import relevant
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.sources import Expected, GoldenQuestion

DEPTH = 10


@dataclass(frozen=True, slots=True)
class GoldenFailure:
    """A question that did not pass, and why, in words for a person."""

    question: str
    why: str


@dataclass(frozen=True, slots=True)
class GoldenReport:
    """How many questions were asked and passed; `recall` is their share, 1 without questions."""

    asked: int
    passed: int
    recall: float
    failures: list[GoldenFailure]


def golden_recall(
    retriever: Retriever, questions: Sequence[GoldenQuestion], k: int = DEPTH
) -> GoldenReport:
    """Ask every question. An answerable one passes when each expected quote is found.

    A quote is found where the chunks of its URL, and page where one is named, among the k best
    have it, white space and case folded. One that is not answerable passes when nothing relevant
    is found.
    """
    failures: list[GoldenFailure] = []
    for question in questions:
        why = failure(question, retriever.search(question.question, k))
        if why:
            failures.append(GoldenFailure(question.question, why))
    asked = len(questions)
    passed = asked - len(failures)
    return GoldenReport(asked, passed, passed / asked if asked else 1.0, failures)


def failure(question: GoldenQuestion, hits: Sequence[Hit]) -> str:
    """Why these hits fail the question; empty where they pass."""
    if not question.answerable:
        if not relevant(question.question, hits):
            return ""
        return f"not answerable, but {hits[0].chunk.url} was found relevant"
    missing = [_missing(expected, hits) for expected in question.expect]
    return "; ".join(why for why in missing if why)


def _missing(expected: Expected, hits: Sequence[Hit]) -> str:
    url = str(expected.url)
    of_url = sorted(
        (hit.chunk for hit in hits if same_page(hit.chunk.url, url)), key=lambda c: c.position
    )
    if not of_url:
        best = f"; the best hit is {hits[0].chunk.url}" if hits else ""
        return f"{url} is not among the {len(hits)} best{best}"
    found = [chunk for chunk in of_url if expected.page in (None, chunk.page)]
    if not found:
        pages = ", ".join(sorted({str(chunk.page) for chunk in of_url}))
        return f"{url} was found on page {pages}, not on page {expected.page}"
    texts = [chunk.text for chunk in found]
    quote = folded(expected.quote)
    if any(quote in folded(text) for text in (*texts, " ".join(texts))):
        return ""
    return f"{url} was found, but not its passage with {expected.quote!r}"


def same_page(one: str, other: str) -> bool:
    """Whether two URLs are one page: fragments and a closing slash aside, a file's name whole."""
    if one.startswith("file:"):
        return one == other
    return one.partition("#")[0].rstrip("/") == other.partition("#")[0].rstrip("/")


def folded(text: str) -> str:
    """White space and case folded."""
    return " ".join(text.split()).casefold()
