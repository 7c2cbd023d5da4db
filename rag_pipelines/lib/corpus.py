"""What the sources' good versions add up to: the parts of a release, and vectors to use again."""

from collections.abc import Callable, Sequence
from functools import partial

import dagster as dg

from rag_pipelines.lib.io_manager import read
from rag_pipelines.lib.versions import good_versions, last_good
from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.retrieval.manifest import IndexSpec, expected_digest
from rag_pipelines.storage.tables import Tables, from_table

CHUNKS = "chunks"
EMBEDDINGS = "embeddings"
ENTITY_MODEL = "entity_model"
"""Metadata key under which `chunks` tells what found its entities."""


def corpus_parts(
    instance: dg.DagsterInstance, tables: Tables, sources: Sequence[str]
) -> tuple[dict[str, Callable[[], EmbeddedChunks]], dict[str, str]]:
    """A loader and a data version for each source that has a good version."""
    good = good_versions(instance, EMBEDDINGS, list(sources))
    versions = {name: version.version for name, version in good.items()}
    parts = {
        name: partial(read, tables, EMBEDDINGS, name, version, EmbeddedChunks)
        for name, version in versions.items()
    }
    return parts, versions


def corpus_digest(instance: dg.DagsterInstance, sources: Sequence[str], spec: IndexSpec) -> str:
    """Digest of the release that the corpus adds up to now; empty where there is no corpus."""
    good = good_versions(instance, EMBEDDINGS, list(sources))
    versions = {name: version.version for name, version in good.items()}
    return expected_digest(versions, spec) if versions else ""


def previous_vectors(
    instance: dg.DagsterInstance, tables: Tables, source: str
) -> EmbeddedChunks | None:
    """Vectors of the source's last good version, for chunks that have not changed."""
    good = last_good(instance, EMBEDDINGS, source)
    return read(tables, EMBEDDINGS, source, good.version, EmbeddedChunks) if good else None


def known_entities(
    instance: dg.DagsterInstance, tables: Tables, source: str, found_by: str
) -> dict[str, list[str]]:
    """Entities by chunk id of the source's last good version, where the same found them."""
    good = last_good(instance, CHUNKS, source)
    if good is None or good.metadata.get(ENTITY_MODEL) != found_by:
        return {}
    chunks = from_table(tables.read(CHUNKS, source, good.version), Chunk)
    return {chunk.id: chunk.entities for chunk in chunks}
