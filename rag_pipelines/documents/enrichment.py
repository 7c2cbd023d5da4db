"""What is known of passages beyond their text, found once for each passage.

Knows which passages are new. What an entity is is the business of `entities`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rag_pipelines.documents.entities import entities_of
from rag_pipelines.records import Chunk, Progress, no_progress

_AT_ONCE = 64


def with_entities(
    chunks: Sequence[Chunk],
    model: str,
    known: Mapping[str, list[str]],
    progress: Progress = no_progress,
) -> tuple[list[Chunk], int]:
    """The chunks with their named entities, and of how many these had to be computed.

    `known` are entities by chunk id that the same model found before; an id depends on the text.
    Raises `ModelUnavailable` where the spaCy pipeline `model` is not installed.
    """
    found, new = dict(known), [chunk for chunk in chunks if chunk.id not in known]
    for start in range(0, len(new), _AT_ONCE):
        some = new[start : start + _AT_ONCE]
        named = entities_of([chunk.text for chunk in some], model)
        found |= {chunk.id: names for chunk, names in zip(some, named, strict=True)}
        progress("entities", start + len(some), len(new))
    return [replace(chunk, entities=found[chunk.id]) for chunk in chunks], len(new)
