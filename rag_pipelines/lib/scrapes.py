"""A source's last good scrape, and its ledger, out of the versioned tables."""

from collections.abc import Sequence

import dagster as dg

from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.lib.versions import last_good
from rag_pipelines.records import LedgerEntry, Page
from rag_pipelines.retrieval.lineage import LEDGER
from rag_pipelines.storage.tables import Tables, digest, from_table, to_table

LEDGER_VERSION = "ledger_version"


def keep_ledger(tables: Tables, source: str, ledger: Sequence[LedgerEntry]) -> str:
    """Keep what a crawl saw of every URL; returns the ledger's version."""
    version = digest(ledger)
    tables.write(LEDGER, source, version, to_table(ledger, LedgerEntry))
    return version


def previous_scrape(
    instance: dg.DagsterInstance, tables: Tables, source: str, run_id: str = ""
) -> Scrape | None:
    """Pages and ledger of the last good version that another run than this one made."""
    good = last_good(instance, "scraped_pages", source, before_run=run_id)
    if good is None:
        return None
    pages = from_table(tables.read("scraped_pages", source, good.version), Page)
    ledger = tables.read(LEDGER, source, str(good.metadata[LEDGER_VERSION]))
    return Scrape(pages, from_table(ledger, LedgerEntry))
