"""Whether a passage says what a sentence claims: words, numbers, names, negation.

Rules on words alone, strict where being wrong misleads: a number or name that the passage lacks,
or a negation on one side only, is no support however alike the rest. Does not know embeddings,
and does not see who does what to whom: `A owns B` and `B owns A` look alike.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from rag_pipelines.retrieval.words import ENGLISH, fold, normalised, stem, word_pattern, word_terms

_SYMBOLS = {"%": " percent ", "$": " dollar ", "€": " euro ", "£": " pound "}
_NUMERALS = {stem(word): str(n) for n, word in enumerate(ENGLISH["numerals"].split())} | {
    stem(word): numeral for word, numeral in ENGLISH["large_numerals"].items()
}
_NEGATORS = frozenset(ENGLISH["negators"].split())
_UNITS = frozenset(stem(word) for word in ENGLISH["units"].split())
_CLAUSE = re.compile(r"[,;:()\u2013\u2014.!?]\s|[;()\u2013\u2014]")
_PRONOUNS = frozenset(ENGLISH["pronouns"].split())
_CLAUSE_WORDS = frozenset(ENGLISH["clause_starts"].split())
_SENTENCE_GAP = re.compile(r"[.!?:]\W*\s")
_CAPITAL_NEXT = re.compile(r"\s+[A-Z]")
_MEASURES = frozenset(("percent", "dollar", "euro", "pound"))
_SCOPE = 3
"""Terms after a negator that it turns."""
_NEAR = 3
"""Terms that may stand between a number and what it counts."""
_PREFIXES = ("un", "dis", "non", "in", "im", "de")


def _opposites_by_word() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for pair in ENGLISH["opposites"].split():
        one, other = map(stem, pair.split("/"))
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return found


_AGAINST = _opposites_by_word()


@dataclass(slots=True)
class Statement:
    """What a text claims, as far as its words tell.

    `words` has the terms of each content word, an identifier's joined form last. `hard` are the
    words that support must have: numbers, names, identifiers. `counted` pairs a number with the
    term after it. A term may be both `positive` and `negated`, at different places. `refers` tells
    of a pronoun: whom it means, a sentence before may say.
    """

    words: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    hard: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    order: list[str] = field(default_factory=list[str])
    counted: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    positive: set[str] = field(default_factory=set[str])
    negated: set[str] = field(default_factory=set[str])
    refers: bool = False

    @property
    def terms(self) -> set[str]:
        """All terms, whichever way they are said."""
        return self.positive | self.negated


def statement(text: str) -> Statement:
    """Read one or more sentences."""
    for symbol, word in _SYMBOLS.items():
        text = text.replace(symbol, word)
    reader = _Reader(normalised(text))
    for match in word_pattern().finditer(reader.text):
        reader.read(match)
    return reader.said


@dataclass(frozen=True, slots=True)
class _Word:
    """What is known of a word wherever it stands."""

    terms: tuple[str, ...]
    negates: bool
    starts_clause: bool
    refers: bool
    hard: bool
    capital: bool


@lru_cache(maxsize=50_000)
def _read_word(word: str) -> _Word:
    folded, terms = fold(word), tuple(_NUMERALS.get(term, term) for term in word_terms(word))
    return _Word(
        terms,
        negates=folded in _NEGATORS or folded.endswith("n't"),
        starts_clause=folded in _CLAUSE_WORDS,
        refers=folded in _PRONOUNS,
        hard=bool(terms)
        and (_is_number(terms[0]) or terms[0] in _MEASURES or _is_identifier(word)),
        capital=word[0].isupper(),
    )


@dataclass(frozen=True, slots=True)
class _Gap:
    """What ends between two words."""

    ends_sentence: bool
    ends_clause: bool


@lru_cache(maxsize=2_000)
def _read_gap(gap: str) -> _Gap:
    return _Gap(bool(_SENTENCE_GAP.search(gap)), bool(_CLAUSE.search(gap)))


class _Reader:
    """Reads a text word by word; knows whether a negator or a number came just before."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.said = Statement()
        self._end = 0
        self._scope = 0
        self._number = ""
        self._after_name = False

    def read(self, match: re.Match[str]) -> None:
        word, gap = _read_word(match.group()), _read_gap(self.text[self._end : match.start()])
        starts = not self._end or gap.ends_sentence
        self._end = match.end()
        self.said.refers = self.said.refers or word.refers
        if gap.ends_clause or word.starts_clause:
            self._scope, self._number = 0, ""
        if word.negates:
            only = self.text.startswith(" only", self._end)
            self._scope = 0 if only else _SCOPE
        elif word.terms:
            self._take(word.terms, word.hard or (word.capital and self._is_name(starts)))
            self._after_name = word.capital
        else:
            self._after_name = False

    def _is_name(self, starts: bool) -> bool:
        """The first word of a sentence is a name only where another capital stands beside it."""
        return not starts or self._after_name or bool(_CAPITAL_NEXT.match(self.text, self._end))

    def _take(self, terms: tuple[str, ...], hard: bool) -> None:
        said = self.said
        said.words.append(terms)
        said.order.extend(terms)
        if hard:
            said.hard.append(terms)
        if self._number:
            said.counted.append((self._number, terms[0]))
        self._number = terms[0] if len(terms) == 1 and _is_number(terms[0]) else ""
        (said.negated if self._scope else said.positive).update(terms)
        self._scope = max(0, self._scope - 1)


def _is_number(term: str) -> bool:
    return term[:1].isdigit()


def _is_identifier(word: str) -> bool:
    return "_" in word or any(c.isdigit() for c in word) or any(c.isupper() for c in word[1:])


def coverage(claim: Statement, passage: Statement, header: Statement) -> float:
    """Share of the claim's content words that the passage or its headings have; 0 if none."""
    held = _held(passage, header)
    if not claim.words:
        return 0.0
    return sum(_has(held, word) for word in claim.words) / len(claim.words)


def contradicted(claim: Statement, passage: Statement, header: Statement) -> bool:
    """Whether a number, a name, a negation or an opposite speaks against support."""
    held = _held(passage, header)
    return (
        not all(_has(held, word) for word in claim.hard)
        or not all(_counts(passage, number, what) for number, what in claim.counted)
        or _negation_differs(claim, passage)
        or _opposed(claim, held)
    )


def renamed(claim: Statement, parts: Sequence[Statement], header: Statement) -> bool:
    """Whether the sentence that says most of the claim says it of somebody else.

    It lacks a name of the claim's, which a neighbouring sentence has, and has another in its place.
    """
    names = _names(claim)
    deeds = [word for word in claim.words if word not in names]
    nearest = max(parts, key=lambda part: sum(_has(_held(part, header), deed) for deed in deeds))
    held = _held(nearest, header)
    lacking = [word for word in names if not _has(held, word)]
    return bool(lacking) and any(not _has(claim.terms, word) for word in _names(nearest))


def overlap(claim: Statement, passage: Statement) -> int:
    """How many of the claim's words the passage has: numbers, units and headings left out."""
    held = passage.terms
    told = (word for word in claim.words if not (_is_number(word[0]) or _is_unit(word[0])))
    return sum(_has(held, word) for word in told)


def numbers(claim: Statement) -> list[tuple[str, ...]]:
    """The words of a claim that are numbers; `one` counts nothing in most sentences."""
    return [word for word in claim.words if _is_number(word[0]) and word[0] != "1"]


def misplaced(claim: Statement, parts: Sequence[Statement], most: int) -> bool:
    """Whether a number of the claim's is said of something else.

    `most` is the `overlap` of the sentence that says most of the claim, wherever it was found: a
    sentence with the number must say as much, by itself or with the one that it refers to. A
    number of the headings is said of all below them.
    """
    said_in = (list(_saying(parts, number)) for number in numbers(claim))
    return any(found and all(overlap(claim, said) < most for said in found) for found in said_in)


def _saying(parts: Sequence[Statement], word: tuple[str, ...]) -> Iterator[Statement]:
    """The parts that have a word, each with the one before if it refers back."""
    for at, part in enumerate(parts):
        if _has(part.terms, word):
            yield joined(parts[at - 1 : at + 1]) if at and part.refers else part


def _names(said: Statement) -> list[tuple[str, ...]]:
    return [word for word in said.hard if not _is_number(word[0])]


def _held(passage: Statement, header: Statement) -> set[str]:
    return passage.terms | header.terms


def _has(held: set[str], word: tuple[str, ...]) -> bool:
    return word[-1] in held or (len(word) > 1 and held.issuperset(word[:-1]))


def _counts(passage: Statement, number: str, what: str) -> bool:
    """Whether the passage has the number near what it counts, if it has that at all."""
    places = [i for i, term in enumerate(passage.order) if term == number]
    if not places or what not in passage.order:
        return what not in passage.order and bool(places) and not _is_unit(what)
    near = (passage.order[max(0, i - _NEAR) : i + _NEAR + 1] for i in places)
    return any(what in terms for terms in near)


def _is_unit(term: str) -> bool:
    return term in _UNITS


def _negation_differs(claim: Statement, passage: Statement) -> bool:
    turned = claim.negated - claim.positive
    if turned and not turned & passage.negated:
        return True
    plain = claim.positive - claim.negated
    return bool((plain & passage.negated) - passage.positive)


def _opposed(claim: Statement, held: set[str]) -> bool:
    return any(_opposites(term) & held for term in claim.positive - held)


def _opposites(term: str) -> set[str]:
    bare = {term.removeprefix(prefix) for prefix in _PREFIXES if term.startswith(prefix)}
    against = {prefix + term for prefix in _PREFIXES} | {b for b in bare if len(b) > 3}
    return against | _AGAINST.get(term, set())


def joined(parts: Iterable[Statement]) -> Statement:
    """Several sentences read as one passage."""
    whole = Statement()
    for part in parts:
        whole.words += part.words
        whole.hard += part.hard
        whole.order += part.order
        whole.counted += part.counted
        whole.positive |= part.positive
        whole.negated |= part.negated
        whole.refers |= part.refers
    return whole
