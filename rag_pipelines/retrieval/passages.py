"""What was retrieved, sentence by sentence: evidence for a claim, answers to a question.

Knows windows of neighbouring sentences and their scores. How an answer is put together and when
to abstain is in `grounding`.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import Chunk, Hit
from rag_pipelines.retrieval.sentences import Kind, plain, sentences
from rag_pipelines.retrieval.support import (
    Statement,
    contradicted,
    coverage,
    joined,
    renamed,
    statement,
)
from rag_pipelines.retrieval.words import terms

COVERED = 0.8
"""Share of a claim's words that supports it by itself."""
HALF_COVERED, ALIKE = 0.55, 0.65
"""Share of words, and cosine of claim and passage, that support it together."""
_WINDOW = 3
_COMPARED = 3
"""Half covered windows whose cosine is looked at."""
_SUBJECT_HITS, _SUBJECT_SHARE = 3, 0.8
_ANSWERING_HITS, _ANSWERING_SENTENCES = 5, 48


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage of a chunk: `quote` stands verbatim in its text."""

    chunk: Chunk
    quote: str


@dataclass(frozen=True, slots=True)
class _Window:
    """Neighbouring sentences of a hit's chunk, and what they say together."""

    hit: Hit
    start: int
    end: int
    parts: Sequence[Statement]
    said: Statement
    header: Statement

    def supports(self, claim: Statement) -> bool:
        return not (
            contradicted(claim, self.said, self.header) or renamed(claim, self.parts, self.header)
        )

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.hit.chunk, self.hit.chunk.text[self.start : self.end])


class Passages:
    """Hits, read once for all the claims of an answer."""

    def __init__(self, hits: Sequence[Hit], embedder: Embedder | None) -> None:
        """Without an embedder support is judged by words alone."""
        self._hits = hits
        self._embedder = embedder

    @cached_property
    def _windows(self) -> list[_Window]:
        subjects = _subjects(self._hits)
        return [window for hit in self._hits for window in _windows(hit, subjects)]

    def supporting(self, claim: str) -> Evidence | None:
        """The shortest passage that supports the claim best, None where none does."""
        said = statement(claim)
        scored = [(coverage(said, w.said, w.header), w) for w in self._windows]
        scored = [(share, w) for share, w in scored if share >= HALF_COVERED]
        scored = [(share, w) for share, w in scored if w.supports(said)]
        scored.sort(key=lambda entry: (-entry[0], len(entry[1].parts), entry[1].hit.rank))
        if not scored:
            return None
        if scored[0][0] >= COVERED:
            return scored[0][1].evidence
        return self._alike(claim, [window for _, window in scored[:_COMPARED]])

    def _alike(self, claim: str, windows: list[_Window]) -> Evidence | None:
        if self._embedder is None:
            return None
        texts = [plain(window.evidence.quote) for window in windows]
        vectors = self._embedder.encode([claim, *texts])
        cosines = vectors[1:] @ vectors[0]
        best = int(cosines.argmax())
        return windows[best].evidence if cosines[best] >= ALIKE else None

    def answering(self, question: str) -> list[tuple[Evidence, float]]:
        """Single sentences by how well they answer, best first.

        Similarity to the question, the share of its words that stand in the sentence, and a
        little for the passage's own place among the hits.
        """
        windows = [w for hit in self._hits[:_ANSWERING_HITS] for w in _windows(hit, set(), 1)]
        windows = windows[:_ANSWERING_SENTENCES]
        if not windows:
            return []
        scores = self._meaning(question, windows) + _words(question, windows) + _places(windows)
        order = np.argsort(-scores, kind="stable")
        return [(windows[int(i)].evidence, float(scores[i])) for i in order]

    def _meaning(self, question: str, windows: list[_Window]) -> NDArray[np.float32]:
        if self._embedder is None:
            return np.zeros(len(windows), np.float32)
        vectors = self._embedder.encode([question, *(plain(w.evidence.quote) for w in windows)])
        return np.maximum(vectors[1:] @ vectors[0], 0)


def _subjects(hits: Sequence[Hit]) -> set[str]:
    """Terms that most of what was found has: what it is all about, and need not be repeated."""
    if len(hits) < _SUBJECT_HITS:
        return set()
    counts = Counter(term for hit in hits for term in set(terms(hit.chunk.embedded_text)))
    return {term for term, count in counts.items() if count >= _SUBJECT_SHARE * len(hits)}


def _windows(hit: Hit, subjects: set[str], longest: int = _WINDOW) -> Iterator[_Window]:
    text, header = hit.chunk.text, statement(f"{hit.chunk.title}. {hit.chunk.heading}")
    header.positive |= {term for term in subjects if not term[0].isdigit()}
    found = [s for s in sentences(text) if s.kind is not Kind.HEADING]
    said = [statement(plain(text[s.start : s.end])) for s in found]
    for size in range(1, longest + 1):
        for i in range(len(found) - size + 1):
            start, end = found[i].start, found[i + size - 1].end
            parts = said[i : i + size]
            yield _Window(hit, start, end, parts, joined(parts), header)


def _words(question: str, windows: list[_Window]) -> NDArray[np.float32]:
    asked = set(terms(question))
    shares = [len(asked & (w.said.positive | w.said.negated)) / max(1, len(asked)) for w in windows]
    return np.array(shares, np.float32) * np.float32(0.5)


def _places(windows: list[_Window]) -> NDArray[np.float32]:
    best = max(w.hit.score for w in windows) or 1.0
    return np.array([w.hit.score / best for w in windows], np.float32) * np.float32(0.2)
