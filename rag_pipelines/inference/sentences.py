"""Sentences of passages, and which of them answer a question best. No model.

Knows words and their rarity among the passages at hand. Does not know how passages were found
or how an answer cites them.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_pipelines.records import Hit

# A full stop, closing marks, then space before anything but a small letter ("e.g. this" goes on);
# the ideographic stops end a sentence without any space.
_SENTENCE_END = re.compile(
    r"[.!?\u2026][\"'\u201d\u2019)\]*_]*(?=\s+[^\sa-z])|[\u3002\uff01\uff1f]"
)
_STANDS_ALONE = re.compile(r"\s*(?:#{1,6}\s|\|)")
_BEGINS_ANEW = re.compile(r"\s*(?:[-*+>|]|#{1,6}\s|\d+[.)]\s)")
_MARKER = re.compile(r"^\s*(?:[-*+>|]|#{1,6}|\d+[.)])\s+")
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_RANK_DISCOUNT = 0.1
_TITLE_SHARE = 0.3
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class SupportingSentence:
    """A sentence as it stands in the passage, white space folded, and how well it fits."""

    text: str
    hit: Hit
    score: float


def split_sentences(text: str) -> list[str]:
    """Sentences in order, white space folded; list items and headings are sentences of their own.

    Each stands verbatim in the text (white space folded); list and heading marks are left out.
    """
    parts = (" ".join(part.split()) for block in _blocks(text) for part in _sentences_of(block))
    return [part for part in parts if _WORD.search(part)]


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, list items, headings and table rows."""
    block: list[str] = []
    for line in text.splitlines():
        alone = bool(block) and bool(_STANDS_ALONE.match(block[-1]))
        if alone or not line.strip() or _BEGINS_ANEW.match(line):
            yield "\n".join(block)
            block = []
        block.append(line)
    yield "\n".join(block)


def _sentences_of(block: str) -> Iterator[str]:
    if block.lstrip().startswith("|"):  # a row is one statement, whatever stands in its cells
        return iter((block.strip("| \n"),))
    return _ended(_MARKER.sub("", block))


def _ended(block: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END.finditer(block):
        yield block[start : end.end()]
        start = end.end()
    yield block[start:]


def words_of(text: str) -> list[str]:
    """Words in lower case, reduced to their English stems; ideographs stand for themselves."""
    import Stemmer

    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        found.extend(word if _CJK.search(word) else [word])
    return Stemmer.Stemmer("english").stemWords(found)


def best_sentences(question: str, hits: Sequence[Hit], count: int = 3) -> list[SupportingSentence]:
    """The sentences of the hits that share the rarest words with the question, best first.

    Rarity is counted among the sentences of these hits. Words of a passage's title and headings
    count in part, better ranked passages a little more, and no sentence comes twice.
    """
    candidates = [(text, hit) for hit in hits for text in _unique(split_sentences(hit.chunk.text))]
    words = [set(words_of(text)) for text, _ in candidates]
    rarity = _rarity(words)
    asked = set(words_of(question))
    scored = [
        SupportingSentence(text, hit, _score(asked, own, hit, rarity))
        for (text, hit), own in zip(candidates, words, strict=True)
    ]
    ordered = sorted(scored, key=lambda sentence: -sentence.score)
    return _first_of_each([one for one in ordered if one.score > 0])[:count]


def _rarity(sentences: Sequence[set[str]]) -> dict[str, float]:
    counts = Counter(word for words in sentences for word in words)
    return {word: math.log(1 + len(sentences) / seen) for word, seen in counts.items()}


def _score(asked: set[str], own: set[str], hit: Hit, rarity: dict[str, float]) -> float:
    shared = sum(rarity[word] for word in asked & own)
    if not shared or len(own) < _SHORTEST:
        return 0.0
    above = set(words_of(f"{hit.chunk.title} {hit.chunk.heading}")) - own
    shared += _TITLE_SHARE * sum(rarity.get(word, 0.0) for word in asked & above)
    return shared / math.sqrt(4 + len(own)) / (1 + _RANK_DISCOUNT * (hit.rank - 1))


def _unique(sentences: list[str]) -> list[str]:
    return list(dict.fromkeys(sentences))


def _first_of_each(sentences: list[SupportingSentence]) -> list[SupportingSentence]:
    first: dict[str, SupportingSentence] = {}
    for sentence in sentences:
        first.setdefault(sentence.text, sentence)
    return list(first.values())
