"""Personal data out of texts, offline: names, addresses, numbers and keys become `<WHAT>`.

Presidio finds them, with spaCy's small pipeline for names: MIT, released monthly, 24 MB with its
table of the world's telephone numbers, and needing no torch. Of the others scrubadub rests since
2023, and datafog without its torch extra knows no more than the patterns do. Names are found by an
English pipeline: in other languages it misses some and takes other words for names. Knows nothing
of feedback.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents.entities import pipeline
from rag_pipelines.errors import ModelUnavailable

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

_RULES = "1"
"""Moves when the rules below would scrub otherwise."""
_SURE = 0.4
"""Presidio's score from which a find is one: a telephone number without a word that says so."""
_LONGEST = 100_000
PLACEHOLDER = re.compile(r"<([A-Z][A-Z_]+)>")
_WORD = re.compile(r"\w+")

_SECRETS = {
    "vendor's key": r"\b(?:sk|pk|rk|rag|hf|gh[a-z]|github_pat|glpat|xox[a-z]|pypi|npm|AIza|llx)"
    r"[_-]?[A-Za-z0-9_-]{16,}",
    "AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "JSON web token": r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    "PEM": r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    "bearer": r"(?<=\bbearer )[\w.~+/-]{12,}=*",
    "password of a URL": r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)",
    "told to be one": r"\b(?:password|passwd|passphrase|pwd|secret|token|api[ _-]?key)"
    r"\s*(?:is|[:=])\s*(?=\S*\d)\S{6,}",
    "long and mixed": r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{24,}\b",
}


class Scrubber:
    """Replaces what names a person, or lets somebody in, by what it was."""

    def __init__(self) -> None:
        """Raises `ModelUnavailable` where Presidio or the pipeline is not installed."""
        self._analyzer = _analyzer()
        self.name = f"rules {_RULES}, presidio {version('presidio-analyzer')}"
        """Moves when the same text may come out otherwise."""

    def scrubbed(self, text: str, products: Sequence[str] = ()) -> str:
        """The text with `<PERSON>`, `<EMAIL_ADDRESS>` and the like in place of what it told.

        A name whose words all stand in `products`, the titles of what an answer cites, is a
        product's and stays. A text is read until nothing more is found, so that what was scrubbed
        comes out as it went in. Costs about 10 CPU
        milliseconds for a sentence or two; what follows 100,000 characters is cut.
        """
        from presidio_anonymizer import AnonymizerEngine

        known = _words(" ".join(products))
        text = text[:_LONGEST]
        while found := self._found(text, known):
            text = AnonymizerEngine().anonymize(text, found).text
        return text

    def _found(self, text: str, products: set[str]) -> "list[Any]":
        from presidio_anonymizer import RecognizerResult

        unread = PLACEHOLDER.sub(lambda mark: " " * len(mark[0]), text)
        return [
            RecognizerResult(one.entity_type, one.start, one.end, one.score)
            for one in self._analyzer.analyze(unread, "en", score_threshold=_SURE)
            if one.entity_type != "PERSON" or not _words(unread[one.start : one.end]) <= products
        ]


@cache
def scrubber() -> Scrubber:
    """The scrubber of this process: loading it costs seconds. Raises `ModelUnavailable`."""
    return Scrubber()


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


def _analyzer() -> "AnalyzerEngine":
    try:
        from presidio_analyzer import (
            AnalyzerEngine,
            Pattern,
            PatternRecognizer,
            RecognizerRegistry,
        )
        from presidio_analyzer import predefined_recognizers as known
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError:
        raise ModelUnavailable(
            "Feedback is scrubbed of personal data by Presidio, which is not installed; run: "
            "pip install 'rag_pipelines[feedback]'"
        ) from None
    language = SpacyNlpEngine()
    language.nlp = {"en": pipeline()}
    recognizers = [
        known.SpacyRecognizer(supported_entities=["PERSON"]),
        known.CreditCardRecognizer(),
        known.IbanRecognizer(),
        known.IpRecognizer(),
        known.PhoneRecognizer(),
        known.UsSsnRecognizer(),
        # Not Presidio's own: it asks a list of domains that it fetches, and lets internal ones be.
        PatternRecognizer("EMAIL_ADDRESS", patterns=known.EmailRecognizer.PATTERNS),
        PatternRecognizer(
            "SECRET",
            patterns=[Pattern(name, pattern, 0.9) for name, pattern in _SECRETS.items()],
        ),
    ]
    registry = RecognizerRegistry(recognizers, supported_languages=["en"])
    return AnalyzerEngine(registry, language, supported_languages=["en"])
