"""Which versions of a source's pages and files something was made from, by Dagster's event log.

What was found is kept in the release, so that answers can be traced back without Dagster.
"""

import dagster as dg

from rag_pipelines.lib.corpus import CHUNKS, EMBEDDINGS
from rag_pipelines.lib.documents import DOCUMENTS_VERSION
from rag_pipelines.lib.scrapes import LEDGER_VERSION
from rag_pipelines.lib.versions import Version, good_versions, last_good, read_for
from rag_pipelines.retrieval.lineage import PAGES
from rag_pipelines.retrieval.manifest import Origin

_ELEMENTS = "pdf_elements"


def origin_now(instance: dg.DagsterInstance, source: str) -> Origin:
    """The source's last good versions."""
    return _origin(last_good(instance, PAGES, source), last_good(instance, _ELEMENTS, source))


def origins_of(instance: dg.DagsterInstance, sources: list[str]) -> dict[str, Origin]:
    """What the last good embeddings of each source were made from."""
    good = good_versions(instance, EMBEDDINGS, sources)
    return {name: _origin_of(instance, name, version) for name, version in good.items()}


def _origin_of(instance: dg.DagsterInstance, source: str, embedded: Version) -> Origin:
    chunks = read_for(instance, CHUNKS, source, embedded)
    if chunks is None:
        return Origin()
    return _origin(
        read_for(instance, PAGES, source, chunks), read_for(instance, _ELEMENTS, source, chunks)
    )


def _origin(pages: Version | None, elements: Version | None) -> Origin:
    return Origin(
        pages=pages.version if pages else "",
        ledger=_told(pages, LEDGER_VERSION),
        documents=_told(elements, DOCUMENTS_VERSION),
        pages_run=pages.run_id if pages else "",
        documents_run=elements.run_id if elements else "",
    )


def _told(version: Version | None, key: str) -> str:
    return str(version.metadata.get(key, "")) if version else ""
