"""What a model says of tables: asked for once, kept, and asked for again where it failed.

Knows when to stop asking. Does not know any model; what is said without one is in
`tables_summary`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag_pipelines.documents.table_text import lines_of
from rag_pipelines.documents.tables_summary import summary_of
from rag_pipelines.errors import ModelError
from rag_pipelines.inference.protocols import Summariser
from rag_pipelines.records import DocumentTable, Progress, no_progress

_MOST_FAILURES = 2
_STAGE = "summaries"


@dataclass(frozen=True, slots=True)
class Summarised:
    """The tables, and why some have no summary of the model's; empty where all have."""

    tables: list[DocumentTable]
    problem: str = ""


def summarised(
    tables: Sequence[DocumentTable],
    summariser: Summariser | None,
    previous: Sequence[DocumentTable] = (),
    progress: Progress = no_progress,
) -> Summarised:
    """The tables, each with the summary that the model makes of it, and with the model's name.

    What the same model said of the same table in `previous` is kept. After two failures in a row
    it is asked no more; a table that it owes a summary has the one that is made without a model,
    and the next run asks again. Where the model cannot be had, what it said before is kept.
    """
    bare = [_bare(table) for table in tables]
    if summariser is None or not any(table.html for table in bare):
        return Summarised(bare)
    try:
        asking = _Asking(summariser, _said_before(previous, summariser.fingerprint))
    except ModelError as error:
        said = _said_before(previous, *_of_that_name(previous, summariser.name))
        return Summarised([_kept(table, said) or table for table in bare], str(error))
    return Summarised(list(asking.answers(bare, progress)), asking.problem)


def _bare(table: DocumentTable) -> DocumentTable:
    if not table.summariser:
        return table
    return replace(
        table, summary=summary_of(table.rows, table.headers, table.caption), summariser=""
    )


def _of_that_name(previous: Sequence[DocumentTable], name: str) -> set[str]:
    """Fingerprints of models that were once had under the name."""
    return {table.summariser for table in previous if table.summariser.startswith(f"{name} ")}


def _said_before(previous: Sequence[DocumentTable], *models: str) -> dict[str, DocumentTable]:
    """Tables that one of these models summarised, by their HTML."""
    return {table.html: table for table in previous if table.html and table.summariser in models}


def _kept(table: DocumentTable, said: dict[str, DocumentTable]) -> DocumentTable | None:
    before = said.get(table.html) if table.html else None
    if before is None:
        return None
    return replace(table, summary=before.summary, summariser=before.summariser)


class _Asking:
    """One run's questions to a summariser, and what they came to."""

    def __init__(self, summariser: Summariser, said: dict[str, DocumentTable]) -> None:
        self._summariser, self._said = summariser, said
        self._fingerprint = summariser.fingerprint
        self._failures = 0
        self.problem = ""

    def answers(
        self, tables: Sequence[DocumentTable], progress: Progress
    ) -> Iterator[DocumentTable]:
        for done, table in enumerate(tables, start=1):
            yield _kept(table, self._said) or self._asked(table)
            progress(_STAGE, done, len(tables))

    def _asked(self, table: DocumentTable) -> DocumentTable:
        if not table.html or self._failures >= _MOST_FAILURES:
            return table
        try:
            summary = self._summariser.summarise(_told(table))
        except ModelError as error:
            self._failures += 1
            self.problem = str(error)
            return table
        self._failures = 0
        said = replace(table, summary=summary, summariser=self._fingerprint)
        self._said[table.html] = said
        return said


def _told(table: DocumentTable) -> str:
    """The table as sentences: caption, what can be said without a model, rows."""
    return " ".join(f"{', '.join(line.cells).rstrip('.')}." for line in lines_of(table))
