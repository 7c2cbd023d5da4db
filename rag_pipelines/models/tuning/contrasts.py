"""Answers that their passages do not support, made of answers that they do.

Knows two ways of being wrong: another number, and a sentence of another page. Whether the passages
support one after all is for `retrieval.grounding` to say, and the caller asks it.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256

from rag_pipelines.retrieval.sentences import Kind, plain, sentences

_NUMBER = re.compile(r"(?<![\w.,-])\d{1,6}(?![\w-]|[.,]\d)")
_STEPS = (1, 2, 3, 5, 7)
_SHORTEST = 4
"""Words of a sentence that is put in."""


def contrasts(answer: str, others: Sequence[str], seed: int) -> Iterator[str]:
    """Worse answers, the nearest to the answer first; `others` are texts of other pages."""
    drawn = int(sha256(f"contrast\0{seed}\0{answer}".encode()).hexdigest(), 16)
    yield from _other_number(answer, drawn)
    yield from _other_sentence(answer, others, drawn)


def _other_number(answer: str, drawn: int) -> Iterator[str]:
    numbers = list(_NUMBER.finditer(answer))
    if numbers:
        one = numbers[drawn % len(numbers)]
        other = int(one[0]) + _STEPS[drawn % len(_STEPS)]
        yield f"{answer[: one.start()]}{other}{answer[one.end() :]}"


def _other_sentence(answer: str, others: Sequence[str], drawn: int) -> Iterator[str]:
    """The answer with its last sentence replaced by one of another page."""
    own = sentences(answer)
    if not own or not others:
        return
    for turn in range(len(others)):
        text = others[(drawn + turn) % len(others)]
        said = [
            plain(text[one.start : one.end]) for one in sentences(text) if one.kind is Kind.PROSE
        ]
        if told := [one for one in said if len(one.split()) >= _SHORTEST]:
            yield answer[: own[-1].start] + told[drawn % len(told)]
            return
