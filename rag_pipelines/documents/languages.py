"""The language that each page of a document reads like."""

from collections import defaultdict
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from rag_pipelines.documents.raw import RawElement

_ENOUGH = 60
"""Fewer letters than this tell no language; a character of East Asia counts for three."""
_EAST_ASIAN = "\u2e80"
_READ = 1500


def with_languages(elements: Sequence[RawElement]) -> list[RawElement]:
    """The elements with ISO 639-1 codes: their page's, where that says enough, or the file's."""
    texts = defaultdict[int | None, list[str]](list)
    for element in elements:
        if text := element.get("text"):
            texts[element.get("page")].append(text)
    whole = language_in(" ".join(" ".join(page) for page in texts.values()))
    by_page = {page: language_in(" ".join(said)) or whole for page, said in texts.items()}
    return [
        {**element, "language": element.get("language") or by_page.get(element.get("page"), "")}
        for element in elements
    ]


def language_in(text: str) -> str:
    """The ISO 639-1 code of the text's language; empty where it is too short to tell."""
    sample = text[:_READ]
    if sum(3 if letter >= _EAST_ASIAN else 1 for letter in sample if letter.isalpha()) < _ENOUGH:
        return ""
    classify: Any = import_module("py3langid").classify
    code = str(classify(sample)[0])
    return code if len(code) == 2 else ""
