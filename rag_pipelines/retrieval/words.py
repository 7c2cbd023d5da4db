"""Words of a text as the lexical index and the grounding check compare them.

Knows case, accents, English stems, stop words, identifiers, numbers and scripts that are written
without spaces. Does not know what an index is, or which words matter in a corpus.
"""

import re
import sys
import tomllib
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.resources import files
from threading import Lock
from typing import Any

ENGLISH: dict[str, Any] = tomllib.loads(
    (files("rag_pipelines.retrieval") / "english.toml").read_text(encoding="utf-8")
)
STOP_WORDS = frozenset(str(ENGLISH["stop_words"]).split())

# Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}\U00020000-\U0003134f]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_SEPARATORS = re.compile(r"[._\-]+")
_NUMBER = re.compile(r"\d[\d.]*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


@cache
def word_pattern() -> re.Pattern[str]:
    """Word characters and combining marks, joined by `.`, `-` or `'`."""
    # \w leaves combining marks out, and Indic vowels are such
    marks = "".join(
        re.escape(chr(code))
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code))[0] == "M"
    )
    letter = rf"[\w{marks}]"
    return re.compile(rf"{letter}+(?:[.\-']{letter}+)*")


def normalised(text: str) -> str:
    """Compatibility forms unified, curly apostrophes straightened, `1,169` as `1169`."""
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'").replace("\u00ad", "")
    return _THOUSANDS.sub("", text)


def words(text: str) -> Iterator[str]:
    """Words as written, identifiers and dotted names whole, in order."""
    return (match.group() for match in word_pattern().finditer(normalised(text)))


def terms(text: str) -> list[str]:
    """What the index stores of a text: folded, stemmed terms in order, stop words left out.

    An identifier gives its parts and itself, so `max_connections` is found by `max connections`
    and by its exact name, and `multi-turn` meets `multiturn`.
    """
    return [term for word in words(text) for term in word_terms(word)]


@lru_cache(maxsize=2_000)
def term_set(text: str) -> frozenset[str]:
    """The different `terms` of a passage: a question asks for them several times."""
    return frozenset(terms(text))


@lru_cache(maxsize=200_000)
def word_terms(word: str) -> tuple[str, ...]:
    """Terms of one word as `words` gives it; none for a stop word."""
    if _NUMBER.fullmatch(word):
        return (word.strip("."),)
    if _UNSPACED_RUN.search(word):
        return tuple(_unspaced_terms(word))
    if fold(word) in STOP_WORDS:
        return ()
    word = word.removesuffix("'s").removesuffix("'S").replace("'", "")
    parts = [part for piece in _SEPARATORS.split(word) for part in _CAMEL.split(piece) if part]
    kept = tuple(stem(fold(part)) for part in parts if fold(part) not in STOP_WORDS)
    if len(parts) == 1:
        return kept
    return (*kept, stem(fold("".join(parts))))


def _unspaced_terms(word: str) -> Iterator[str]:
    """Overlapping pairs of characters for runs without spaces, ordinary terms for the rest."""
    end = 0
    for match in _UNSPACED_RUN.finditer(word):
        yield from word_terms(word[end : match.start()]) if match.start() > end else ()
        run, end = match.group(), match.end()
        yield from (run[i : i + 2] for i in range(max(1, len(run) - 1)))
    yield from word_terms(word[end:]) if end < len(word) else ()


@lru_cache(maxsize=200_000)
def fold(word: str) -> str:
    """Case and Latin accents folded away."""
    folded = word.casefold()
    if folded.isascii():
        return folded
    bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", folded))
    return unicodedata.normalize("NFC", bare)


_stemming = Lock()


def stem(word: str) -> str:
    """English stem by Snowball; other scripts pass unchanged."""
    if not word.isascii():
        return word
    with _stemming:  # a PyStemmer instance is not safe to share between threads
        return sys.intern(str(_stemmer().stemWord(word)))


@cache
def _stemmer() -> Any:
    import Stemmer

    snowball: Any = Stemmer
    return snowball.Stemmer("english")
