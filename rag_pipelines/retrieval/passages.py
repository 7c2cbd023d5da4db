"""What was retrieved, sentence by sentence, and which of it supports a claim.

Knows windows of neighbouring sentences. What support by words is stands in `support`, which
sentences answer a question in `answering`, how an answer is put together in `grounding`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import islice

from rag_pipelines.inference.protocols import Embedder, Quotation
from rag_pipelines.records import Chunk, Hit
from rag_pipelines.retrieval.sentences import Kind, Sentence, plain, sentences
from rag_pipelines.retrieval.support import (
    Statement,
    contradicted,
    coverage,
    joined,
    misplaced,
    numbers,
    overlap,
    renamed,
    statement,
)
from rag_pipelines.retrieval.words import term_set

COVERED = 0.8
"""Share of a claim's words that supports it by itself."""
HALF_COVERED, ALIKE = 0.55, 0.65
"""Share of words, and cosine of claim and passage, that support it together."""
_WINDOW = 3
_COMPARED = 3
"""Half covered windows whose cosine is looked at."""
_SUBJECT_HITS, _SUBJECT_SHARE = 3, 0.8


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage of a chunk: `quote` stands verbatim in its text. `code` tells a block of code."""

    chunk: Chunk
    quote: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring sentences of a hit's chunk, and what they say together."""

    hit: Hit
    start: int
    end: int
    parts: Sequence[Statement]
    said: Statement
    header: Statement
    code: bool

    def supports(self, claim: Statement, most: int) -> bool:
        """`most` is the `overlap` of the sentence of all hits that says most of the claim."""
        return not (
            contradicted(claim, self.said, self.header)
            or renamed(claim, self.parts, self.header)
            or misplaced(claim, self.parts, most)
        )

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.hit.chunk, self.hit.chunk.text[self.start : self.end], self.code)


def lead_in(evidence: Evidence) -> str:
    """What a list item stands under: the line that opens its list, else its heading; "" for prose.

    `Salt water` under `What is not covered` says the opposite of what it says alone.
    """
    text = evidence.chunk.text
    start = text.find(evidence.quote)
    heading = lead = evidence.chunk.heading.rpartition(" > ")[2]
    for sentence in sentences(text, cut=True):
        said = plain(text[sentence.start : sentence.end]).rstrip()
        if sentence.start >= start:
            return lead.rstrip(":") if sentence.kind is Kind.ITEM else ""
        if sentence.kind is Kind.HEADING:
            heading = lead = said
        elif sentence.kind is Kind.PROSE:
            lead = said if said.endswith(":") else heading
    return ""


class Passages:
    """Hits, read once for all the claims of an answer."""

    def __init__(self, hits: Sequence[Hit], embedder: Embedder | None) -> None:
        """Without an embedder support is judged by words alone."""
        self._hits = hits
        self._embedder = embedder

    @cached_property
    def _read(self) -> list["_Read"]:
        subjects = _subjects(self._hits)
        return [_Read(hit, subjects) for hit in self._hits]

    def supporting(self, claim: str) -> Evidence | None:
        """The shortest passage that supports the claim best, None where none does."""
        said = statement(claim)
        scored = [
            (coverage(said, window.said, window.header), window)
            for read in self._read
            if coverage(said, read.said, read.header) >= HALF_COVERED
            for window in read.windows
        ]
        scored = [(share, window) for share, window in scored if share >= HALF_COVERED]
        scored.sort(key=lambda entry: (-entry[0], len(entry[1].parts), entry[1].hit.rank))
        most = self._most(said)
        supporting = (entry for entry in scored if entry[1].supports(said, most))
        best = list(islice(supporting, 1))
        if best and best[0][0] >= COVERED:
            return best[0][1].evidence
        best += islice(supporting, _COMPARED - 1)
        return self._alike(claim, [window for _, window in best])

    def _most(self, claim: Statement) -> int:
        """The `overlap` of the sentence that says most of a claim; 0 for one without numbers."""
        if not numbers(claim):
            return 0
        return max((overlap(claim, part) for read in self._read for part in read.parts), default=0)

    def holding(self, quotation: Quotation) -> Evidence | None:
        """The fewest sentences that a quotation stands in, None where it may not be quoted."""
        start, end = quotation.start, quotation.end
        found = [w for w in windows(quotation.hit, _WINDOW) if w.start <= start and end <= w.end]
        return min(found, key=lambda w: w.end - w.start).evidence if found else None

    def verbatim(self, code: str) -> Evidence | None:
        """Where a block of code stands word for word, whatever the space between the words.

        Code that differs in one word does something else, so that nothing less supports it.
        """
        words = r"\s+".join(re.escape(word) for word in code.split())
        same = re.compile(rf"(?:^[ \t]+)?(?<!\S){words}(?!\S)", re.MULTILINE)
        found = ((hit.chunk, same.search(hit.chunk.text)) for hit in self._hits)
        return next((Evidence(chunk, at.group(), code=True) for chunk, at in found if at), None)

    def _alike(self, claim: str, candidates: list[Window]) -> Evidence | None:
        if self._embedder is None or not candidates:
            return None
        texts = [plain(window.evidence.quote) for window in candidates]
        vectors = self._embedder.encode([claim, *texts])
        cosines = vectors[1:] @ vectors[0]
        best = int(cosines.argmax())
        return candidates[best].evidence if cosines[best] >= ALIKE else None


def _subjects(hits: Sequence[Hit]) -> set[str]:
    """Terms that most of what was found has: what it is all about, and need not be repeated."""
    if len(hits) < _SUBJECT_HITS:
        return set()
    counts = Counter(term for hit in hits for term in term_set(hit.chunk.embedded_text))
    return {term for term, count in counts.items() if count >= _SUBJECT_SHARE * len(hits)}


def _may_be_quoted(sentence: Sentence, chunk: Chunk) -> bool:
    """Not a heading; and of a table its rows and caption, not what we say about it."""
    if chunk.kind == "table" and sentence.kind is not Kind.ROW:
        return " ".join(chunk.text[sentence.start : sentence.end].split()) in chunk.heading
    return sentence.kind is not Kind.HEADING


@lru_cache(maxsize=2_000)
def _claims(text: str) -> list[tuple[Sentence, Statement]]:
    """Every sentence of a passage and what it claims: many questions find the same passage."""
    return [(one, statement(plain(text[one.start : one.end]))) for one in sentences(text, cut=True)]


class _Read:
    """A hit's chunk sentence by sentence, headings and summaries left out.

    `subjects` are terms that count as said by the headings.
    """

    def __init__(self, hit: Hit, subjects: Collection[str] = ()) -> None:
        text, self._hit = hit.chunk.text, hit
        self.header = statement(f"{hit.chunk.title}. {hit.chunk.heading}")
        self.header.positive |= {term for term in subjects if not term[0].isdigit()}
        kept = [(s, said) for s, said in _claims(text) if _may_be_quoted(s, hit.chunk)]
        self._found = [sentence for sentence, _ in kept]
        self.parts = [said for _, said in kept]
        self.said = joined(self.parts)

    @cached_property
    def windows(self) -> list[Window]:
        return list(self.runs(_WINDOW))

    def runs(self, longest: int) -> Iterator[Window]:
        """See `windows`."""
        found = self._found
        for size in range(1, (1 if self._hit.chunk.kind == "table" else longest) + 1):
            for i in range(len(found) - size + 1):
                start, end = found[i].start, found[i + size - 1].end
                code = [one.kind is Kind.CODE for one in found[i : i + size]]
                if size == 1 or not any(code):
                    parts = self.parts[i : i + size]
                    yield Window(self._hit, start, end, parts, joined(parts), self.header, code[0])


def windows(hit: Hit, longest: int) -> Iterator[Window]:
    """Every run of up to `longest` sentences of a hit, the shortest first.

    A block of code stands alone. Rows of a table are never joined: a value of one with the name of
    another says what neither does.
    """
    return _Read(hit).runs(longest)
