"""Rows to learn from, drafted one by one: ids, splits, and each question once.

Knows when two rows are the same and what keeps a page's rows together. Does not know where they
come from.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from rag_pipelines.inference.protocols import Message
from rag_pipelines.models.tuning.data import split_of
from rag_pipelines.records import Example, Pair

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What may become a row.

    `question` is what was asked, without passages; `pages` are the URLs that the answer is about,
    the first its own. `rejected` is of a pair.
    """

    origin: str
    question: str
    messages: Sequence[Message]
    answer: str
    rejected: str = ""
    pages: Sequence[str] = ()
    answers: Sequence[str] = ()


def examples(drafts: Iterable[Draft], seed: int, dropped: Counter[str]) -> list[Example]:
    """Examples of the drafts, of those that ask the same question the first.

    `dropped` counts those that were not taken, by reason.
    """
    return [
        Example(completion=draft.answer, split=split, **_common(draft))
        for draft, split in _taken(drafts, seed, dropped, lambda draft: words_of(draft.question))
    ]


def pairs(drafts: Iterable[Draft], seed: int, dropped: Counter[str]) -> list[Pair]:
    """Pairs of the drafts; the same two answers to one question count once."""
    return [
        Pair(chosen=draft.answer, rejected=draft.rejected, split=split, **_common(draft))
        for draft, split in _taken(drafts, seed, dropped, _asked_and_told)
    ]


def _taken(
    drafts: Iterable[Draft], seed: int, dropped: Counter[str], same: Callable[[Draft], str]
) -> Iterator[tuple[Draft, str]]:
    seen, splits = set[str](), dict[str, str]()
    for draft in drafts:
        asked, key = words_of(draft.question), same(draft)
        found = {split_of(page, seed) for page in draft.pages or [asked]}
        if len(found) > 1:
            dropped["its pages are in different splits"] += 1
        elif key in seen:
            dropped["asked already"] += 1
        elif splits.setdefault(asked, min(found)) not in found:
            dropped["asked already of a page in another split"] += 1
        else:
            seen.add(key)
            yield draft, min(found)


def words_of(question: str) -> str:
    """The words of a question alone: what differs less asks the same."""
    return " ".join(_WORD.findall(question.lower()))


def _asked_and_told(draft: Draft) -> str:
    return "\0".join(map(words_of, (draft.question, draft.answer, draft.rejected)))


def _common(draft: Draft) -> dict[str, Any]:
    return {
        "id": _id(draft),
        "origin": draft.origin,
        "roles": [one.role for one in draft.messages],
        "contents": [one.content for one in draft.messages],
        "page": draft.pages[0] if draft.pages else "",
        "answers": list(draft.answers),
    }


def _id(draft: Draft) -> str:
    told = [[one.role, one.content] for one in draft.messages]
    whole = json.dumps([told, draft.answer, draft.rejected], ensure_ascii=False)
    return sha256(whole.encode()).hexdigest()[:32]
