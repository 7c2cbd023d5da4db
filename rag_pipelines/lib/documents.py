"""A source's files and what was read of them, out of the versioned tables."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import dagster as dg

from rag_pipelines.lib.scrapes import LEDGER_VERSION
from rag_pipelines.lib.versions import Version, to_read
from rag_pipelines.records import DocumentFile, LedgerEntry
from rag_pipelines.retrieval.lineage import DOCUMENTS, LEDGER
from rag_pipelines.storage.tables import Tables, digest, from_table, to_table

DOCUMENTS_VERSION = "documents_version"
Record = TypeVar("Record")


def keep_documents(tables: Tables, source: str, files: Sequence[DocumentFile]) -> str:
    """Keep what became of every file; returns the version. Seconds do not make a new one."""
    version = digest([replace(file, seconds=0.0) for file in files])
    tables.write(DOCUMENTS, source, version, to_table(files, DocumentFile))
    return version


def documents_of(tables: Tables, source: str, version: Version | None) -> list[DocumentFile]:
    """The files that a version of `pdf_elements` was made from."""
    if version is None or DOCUMENTS_VERSION not in version.metadata:
        return []
    table = tables.read(DOCUMENTS, source, str(version.metadata[DOCUMENTS_VERSION]))
    return from_table(table, DocumentFile)


def ledger_of(
    instance: dg.DagsterInstance, tables: Tables, source: str, run_id: str
) -> list[LedgerEntry]:
    """The ledger of the scrape that a step of this run goes with."""
    scrape = to_read(instance, "scraped_pages", source, run_id)
    if scrape is None:
        return []
    return from_table(
        tables.read(LEDGER, source, str(scrape.metadata[LEDGER_VERSION])), LedgerEntry
    )


def previous_records(
    tables: Tables, asset: str, source: str, good: Version | None, record: type[Record]
) -> list[Record]:
    """Rows of the asset's last good version: what need not be done again."""
    return from_table(tables.read(asset, source, good.version), record) if good else []


def failures(files: Iterable[DocumentFile]) -> dict[str, str]:
    """Why files could not be read, by URL."""
    return {file.url: file.problem for file in files if file.problem}


def readable(files: Iterable[DocumentFile]) -> int:
    """How many files were read."""
    return sum(not file.problem for file in files)
