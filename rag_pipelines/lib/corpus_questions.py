"""Questions that a corpus's own passages answer, made of their headings and their sentences.

Deterministic, and plain: they teach to answer from passages, not how people ask.
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256

from rag_pipelines.records import Chunk
from rag_pipelines.retrieval.sentences import Kind, sentences

_SUBJECT = re.compile(
    r"^((?:(?:The|A|An|Each|Every|Your|Our)\s+)?(?:[\w'\u2019/-]+\s+){1,4}?)"
    r"(?:is|are|was|were|has|have|had|can|must|may|will|should|lasts?|takes?|costs?|needs?|uses?"
    r"|contains?|returns?|means?|provides?|includes?|requires?|supports?)\s"
)
_PHRASES = (
    "What does the documentation say about {topic}?",
    "What should I know about {topic}?",
    "Tell me about {topic}.",
)
_MOST = 6
"""Questions of one passage, at most."""
_OF_DATA = ("table", "figure")
"""Passages that hold no sentence to ask about."""


def questions_of(chunks: Sequence[Chunk], seed: int) -> Iterator[tuple[Chunk, str]]:
    """Questions with the passage that each was made of, one of every passage before a second."""
    told = (chunk for chunk in chunks if chunk.kind not in _OF_DATA)
    ordered = sorted(told, key=lambda chunk: _drawn(seed, chunk.id))
    asked = [(chunk, topics_of(chunk)) for chunk in ordered if chunk.text.strip()]
    for turn in range(_MOST):
        for chunk, topics in asked:
            if turn < len(topics):
                phrase = _PHRASES[_drawn(seed, chunk.id, str(turn)) % len(_PHRASES)]
                yield chunk, phrase.format(topic=topics[turn])


def topics_of(chunk: Chunk) -> list[str]:
    """What a passage is about: the subjects of its sentences, then its heading and title."""
    found: list[str] = []
    for one in sentences(chunk.text, cut=True):
        match = _SUBJECT.match(chunk.text[one.start : one.end])
        if match and one.kind is Kind.PROSE:
            found.append(match[1].strip().lower())
    found += [part for part in (chunk.heading.split(" > ")[-1], chunk.title) if part]
    return list(dict.fromkeys(found))[:_MOST]


def _drawn(seed: int, *parts: str) -> int:
    return int(sha256("\0".join([str(seed), *parts]).encode()).hexdigest()[:16], 16)
