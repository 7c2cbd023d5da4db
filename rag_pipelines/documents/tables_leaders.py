"""Leaders: the dots that guide the eye from a label to its figures, taken out of a page's words.

They fill the gap that parts the columns. A point alone, which stands for a missing figure, stays.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_text import lines_of

_DOTS = re.compile(r"[.\u2026]+")
_LEADER = re.compile(r"\.{4,}|\u2026{2,}")
_FEWEST = 4
_NEAR = 1.5
"""Heights of a word within which one dot follows another."""


def without_leaders(words: Sequence[Word]) -> list[Word]:
    """The words in their order; one that a leader runs into ends there, or is two."""
    if not any(_DOTS.fullmatch(word.text) or _LEADER.search(word.text) for word in words):
        return list(words)
    dots = {id(word) for line in lines_of(words) for word in _leaders(line)}
    return [part for word in words if id(word) not in dots for part in _parts(word)]


def _leaders(line: Sequence[Word]) -> Iterator[Word]:
    run: list[Word] = []
    for word in [*line, None]:
        dotted = word is not None and _DOTS.fullmatch(word.text) is not None
        if word and dotted and (not run or word.left - run[-1].right < _NEAR * run[-1].height):
            run.append(word)
            continue
        if sum(len(dot.text) for dot in run) >= _FEWEST:
            yield from run
        run = [word] if word and dotted else []


def _parts(word: Word) -> Iterator[Word]:
    """What of a word stands beside the leaders in it; its letters are taken to be of one width."""
    width = (word.right - word.left) / len(word.text)
    start = 0
    for leader in [*_LEADER.finditer(word.text), None]:
        end = leader.start() if leader else len(word.text)
        if start < end:
            left, right = word.left + start * width, word.left + end * width
            yield replace(word, text=word.text[start:end], left=left, right=right)
        start = leader.end() if leader else end
