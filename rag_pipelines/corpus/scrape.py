"""What a source says now: the pages, and a ledger row for every URL that was discovered."""

from dataclasses import dataclass, field

from rag_pipelines.records import LedgerEntry, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeCounts:
    """What one run found, and what it cost.

    `parsed` pages went through extraction in this run. `new`, `changed`, `unchanged` and
    `removed` compare with the run before; `unchanged` includes pages that are kept although they
    could not be had this time. `failed` and `refused` (by reason) count URLs of the ledger.
    """

    discovered: int = 0
    pages: int = 0
    parsed: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: int = 0
    refused: dict[str, int] = field(default_factory=dict[str, int])
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """One source's pages and ledger, both in the order of their URLs."""

    pages: list[Page]
    ledger: list[LedgerEntry]
    counts: ScrapeCounts = field(default_factory=ScrapeCounts)
