"""The tables of a source's documents as clean HTML.

PDFs are read in the document worker; other files, and PDFs that a service parsed, told their
tables as HTML when their elements were read. Does not know how a table is found in a page.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from rag_pipelines.corpus.fingerprint import digest_of
from rag_pipelines.documents.failures import DocumentFailure, is_lasting
from rag_pipelines.documents.tables_continued import Part, continued, whole
from rag_pipelines.documents.tables_grid import Grid, html_of
from rag_pipelines.documents.tables_html import clean_table
from rag_pipelines.documents.tables_page import Engine
from rag_pipelines.documents.tables_read import parts_of_pdf
from rag_pipelines.documents.tables_summary import summary_of
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines.records import DocumentTable, Element, Progress, no_progress
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

VERSION = "4"
"""Moves when the same file would give other tables: those of another version are stale."""

_NONE = "none"
_LOCAL = frozenset({*get_args(Engine), _NONE})
_STAGE = "tables"


def read_tables(
    elements: Sequence[Element],
    blobs: Blobs,
    previous: Sequence[DocumentTable] = (),
    progress: Progress = no_progress,
    *,
    settings: Documents | None = None,
) -> list[DocumentTable]:
    """The tables of the documents that `elements` are of, in the order of the documents.

    A document of which `previous` holds rows of this version is not read again, nor is one that
    failed within the same limits in a way that lasts. One without a table gives a row with an
    empty `html`, and with `problem` where it could not be read. `settings` as in `read_elements`.

    Raises:
        OSError: the machine's fault, not a file's.
    """
    documents: dict[tuple[str, str], list[Element]] = defaultdict(list)
    for element in elements:
        documents[element.url, element.document].append(element)
    limits = settings or Documents(paths=("*",))
    known = _known(previous, limits)
    tables: list[DocumentTable] = []
    with _Reader(blobs, limits) as reader:
        for done, ((_, document), found) in enumerate(documents.items()):
            progress(_STAGE, done, len(documents))
            if not _is_local_pdf(found):
                read = _or_none(found[0], list(_from_html(found)))
            else:
                if document not in known:
                    known[document] = _read(found[0], reader)
                read = known[document]
            tables += [_placed(table, found[0], limits) for table in read]
    if documents:
        progress(_STAGE, len(documents), len(documents))
    return tables


class _Reader:
    """Reads PDFs in a worker, which starts with the first of them."""

    def __init__(self, blobs: Blobs, limits: Documents) -> None:
        self._blobs, self._limits = blobs, limits
        self._stack = ExitStack()
        self._worker: DocumentWorker | None = None

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def parts(self, document: str) -> list[Part]:
        if self._worker is None:
            self._worker = self._stack.enter_context(DocumentWorker.within(self._limits))
        with TemporaryDirectory(prefix="rag-tables-") as folder:
            path = Path(folder) / "document.pdf"
            path.write_bytes(self._blobs.get(document))
            return parts_of_pdf(self._worker, path)


def _known(previous: Sequence[DocumentTable], limits: Documents) -> dict[str, list[DocumentTable]]:
    """The rows of documents that were read here before, by this version."""
    places: dict[tuple[str, str], list[DocumentTable]] = defaultdict(list)
    for table in previous:
        places[table.url, table.document].append(table)
    known: dict[str, list[DocumentTable]] = {}
    for (_, document), rows in places.items():
        if all(_is_current(row, limits) for row in rows):
            known.setdefault(document, rows)
    return known


def _is_current(row: DocumentTable, limits: Documents) -> bool:
    settled = not row.problem or is_lasting(row.problem)
    return row.engine in _LOCAL and row.id == _id(row, limits) and settled


def _is_local_pdf(elements: Sequence[Element]) -> bool:
    served = any(element.extractor == "llama_parse" for element in elements)
    return elements[0].media_type == "application/pdf" and not served


def _read(element: Element, reader: _Reader) -> list[DocumentTable]:
    try:
        return _or_none(element, list(_from_pdf(element, reader)))
    except DocumentFailure as failure:
        return [_row(element, engine=_NONE, problem=str(failure))]


def _or_none(element: Element, tables: Sequence[DocumentTable]) -> list[DocumentTable]:
    """The tables numbered, or the one row that says that there are none."""
    if not tables:
        return [_row(element, engine=_NONE)]
    return [replace(table, position=position) for position, table in enumerate(tables)]


def _from_pdf(element: Element, reader: _Reader) -> Iterator[DocumentTable]:
    for parts in continued(reader.parts(element.document)):
        first = parts[0]
        yield replace(
            _filled(_row(element, first.engine), whole(parts), first.caption),
            page=first.page,
            pages=[part.page for part in parts],
            box=list(first.box),
        )


def _from_html(elements: Sequence[Element]) -> Iterator[DocumentTable]:
    for element in elements:
        if element.kind != "Table" or not element.html:
            continue
        grid, caption = clean_table(element.html)
        if not grid.filled:
            continue
        yield replace(
            _filled(_row(element, element.extractor), grid, caption),
            page=element.page,
            pages=[element.page] if element.page else [],
            box=element.box,
        )


def _filled(table: DocumentTable, grid: Grid, caption: str) -> DocumentTable:
    rows = grid.rows()
    return replace(
        table,
        html=html_of(grid, caption),
        rows=rows,
        caption=caption,
        summary=summary_of(rows, grid.headers, caption),
        headers=grid.headers,
    )


def _row(element: Element, engine: str, problem: str = "") -> DocumentTable:
    return DocumentTable(
        id="",
        source=element.source,
        document=element.document,
        url=element.url,
        title=element.title,
        html="",
        rows=[],
        engine=engine,
        problem=problem,
    )


def _placed(table: DocumentTable, element: Element, limits: Documents) -> DocumentTable:
    """The same table where its document is now."""
    moved = replace(table, source=element.source, url=element.url, title=element.title)
    return replace(moved, id=_id(moved, limits))


def _id(table: DocumentTable, limits: Documents) -> str:
    place = f"{table.page} {table.box} {table.position}"
    failed = f"{table.problem} within {limits.budget}" if table.problem else ""
    parts = (table.source, table.url, table.document, place, table.html, failed)
    return digest_of("table", VERSION, *parts)
