"""What a person looks at of files: counts by type, rendered pages, tables and figures.

Pictures are small, and as few as tell something: Dagster keeps them in its event log for ever.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

import dagster as dg

from rag_pipelines.documents.rendering import render_page, thumbnail
from rag_pipelines.documents.worker import DocumentFailure, DocumentWorker
from rag_pipelines.lib.metadata import counts, pictures, sample
from rag_pipelines.lib.versions import Version
from rag_pipelines.records import DocumentFile, DocumentTable, Element, Figure
from rag_pipelines.storage.blobs import Blobs

PICTURES = "thumbnails"
_SHOWN = 4
_SCALE = 0.4
"""Pixels a point, of a page that is only glanced at."""
_ROWS, _COLUMNS = 8, 8


def of_elements(
    files: Sequence[DocumentFile], elements: Sequence[Element], parsed: int
) -> dict[str, Any]:
    """Counts by type and by extractor, seconds a page, and what became of each file."""
    read = [file for file in files if not file.problem]
    pages, seconds = sum(file.pages for file in read), sum(file.seconds for file in files)
    said = [element for element in elements if element.kind != "PageBreak"]
    of_file = Counter(element.url for element in said)
    rows = [
        {
            "file": file.url,
            "pages": file.pages,
            "elements": of_file[file.url],
            "problem": file.problem or "none",
        }
        for file in sorted(files, key=lambda file: (not file.problem, file.url))
    ]
    return {
        "dagster/row_count": len(elements),
        "files": len(files),
        "files_read": len(read),
        "failed": len(files) - len(read),
        "parsed": parsed,
        "pages": pages,
        "seconds": round(seconds, 2),
        "seconds_a_page": round(seconds / pages, 3) if pages else 0.0,
        "by_type": counts(Counter(element.kind for element in said)),
        "by_extractor": counts(Counter(element.extractor for element in said)),
        "languages": counts(Counter(e.language for e in said if e.language)),
        "notes": counts(Counter(element.note for element in said if element.note)),
        "what_became_of_files": sample(rows, most=50),
        "sample": sample(_told([_read(element) for element in said if element.text])),
    }


def _where(found: Element | Figure) -> str:
    name = PurePosixPath(found.url).name
    return f"{name}, page {found.page}" if found.page else name


def _read(element: Element) -> dict[str, Any]:
    return {
        "where": _where(element),
        "type": element.kind,
        "text": element.text,
    }


def of_tables(found: Sequence[DocumentTable], summariser: str | None) -> dict[str, Any]:
    """Tables and their cells by engine, one as it reads, and files whose tables cannot be had."""
    tables = [table for table in found if table.html]
    cells = sum(len(row) for table in tables for row in table.rows)
    return {
        "dagster/row_count": len(tables),
        "cells": cells,
        "captioned": sum(bool(table.caption) for table in tables),
        "summariser": summariser or "none",
        "summarised": sum(bool(table.summariser) for table in tables),
        "over_a_page_break": sum(len(table.pages) > 1 for table in tables),
        "problems": counts(Counter(table.problem for table in found if table.problem)),
        "by_engine": counts(Counter(table.engine or "file" for table in tables)),
        "rendered": rendered(tables),
    }


def rendered(tables: Sequence[DocumentTable]) -> Any:
    """A table of ordinary size as a person would see it, and where it stands."""
    if not tables:
        return dg.MetadataValue.md("*none*")
    table = min(tables, key=lambda t: (abs(len(t.rows) - _ROWS), not t.caption, t.url, t.position))
    names = list(dict.fromkeys(_named(table)))[:_COLUMNS]
    body = table.rows[max(1, table.headers) :][:_ROWS]
    rows = [dict(zip(_named(table), row, strict=False)) for row in body]
    shown = sample([{n: row.get(n, "") for n in names} for row in rows], most=_ROWS)
    where = f"{table.url}, page {table.page}" if table.page else table.url
    return dg.MetadataValue.md(f"**{table.caption or 'A table'}** ({where})\n\n{shown.value}")


def _named(table: DocumentTable) -> list[str]:
    """A name for each column: its headings, told apart where they are alike."""
    heads = table.rows[: max(1, table.headers)]
    names = [
        " / ".join(dict.fromkeys(filter(None, column))) for column in zip(*heads, strict=False)
    ]
    return [name or f"column {at}" for at, name in enumerate(names, 1)]


def of_figures(figures: Sequence[Figure], captioner: str | None, blobs: Blobs) -> dict[str, Any]:
    """How many figures say what they show, by whom, and samples."""
    shown = [figure for figure in figures if figure.image]
    rows = [
        {
            "where": _where(f),
            "caption": f.caption,
            "text in it": f.text,
            "OCR": f.ocr,
            f"described by {f.captioner}" if f.captioner else "description": f.description,
            "problem": f.problem,
        }
        for f in shown
    ]
    return {
        "dagster/row_count": len(shown),
        "captioner": captioner or "none",
        "captioned": sum(bool(figure.caption) for figure in shown),
        "with_text": sum(bool(figure.text or figure.ocr) for figure in shown),
        "described": sum(bool(figure.description) for figure in shown),
        "failed": sum(bool(figure.problem) for figure in figures),
        "problems": counts(Counter(figure.problem for figure in figures if figure.problem)),
        "sample": sample(_told(rows)),
        PICTURES: pictures(_small(shown, blobs)),
    }


def _told(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows under the names that any of them has something to say to: empty columns take room."""
    names = dict.fromkeys(name for row in rows for name, value in row.items() if value)
    return [{name: row.get(name, "") for name in names} for row in rows]


def _small(figures: Sequence[Figure], blobs: Blobs) -> Iterator[tuple[str, bytes]]:
    for figure in islice(figures, _SHOWN):
        yield figure.caption or _where(figure), thumbnail(blobs.get(figure.image))


def page_thumbnails(
    files: Sequence[DocumentFile], blobs: Blobs, parsed: int, before: Version | None
) -> Any:
    """The first page of a few files; where nothing was read anew, those of `before`."""
    if not parsed and before and PICTURES in before.metadata:
        return dg.MetadataValue.md(str(before.metadata[PICTURES]))
    pdfs = [f for f in files if not f.problem and f.media_type == "application/pdf"]
    return pictures(_first_pages(pdfs[:_SHOWN], blobs))


def _first_pages(files: Sequence[DocumentFile], blobs: Blobs) -> Iterator[tuple[str, bytes]]:
    if not files:
        return
    with DocumentWorker(cpu_seconds=30, wall_seconds=60) as worker:
        for file in files:
            try:
                page = render_page(blobs.get(file.document), 1, scale=_SCALE, worker=worker)
            except DocumentFailure:
                continue  # a picture for the eye; what could not be read is told by the asset
            yield file.name, thumbnail(page)
