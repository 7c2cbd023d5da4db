"""The tables of a file on disk, whatever its type, through a document worker."""

from collections.abc import Iterator
from pathlib import Path

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.file_types import PDF, media_type_of
from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_html import clean_table
from rag_pipelines.documents.tables_read import parts_of_pdf
from rag_pipelines.documents.worker import DocumentWorker

_OFFICE_TASK = "rag_pipelines.documents.partition_office:partition_office"


def tables_of_file(worker: DocumentWorker, path: Path) -> Iterator[tuple[int | None, Grid, str]]:
    """Page, grid and caption of each table; the page is None in a file that has no pages.

    A table over a page break is told by page: where it stands is what is asked for.

    Raises:
        DocumentFailure: the file is not there or cannot be read.
    """
    try:
        media_type = media_type_of(path.read_bytes(), path.name)
    except OSError as error:
        raise DocumentFailure("missing", error.strerror or str(error)) from None
    if media_type == PDF:
        for part in parts_of_pdf(worker, path.resolve()):
            yield part.page, part.grid, part.caption
        return
    told = worker.run(_OFFICE_TASK, path.resolve(), media_type=media_type)
    for element in told["elements"]:
        if element["kind"] == "Table" and element.get("html"):
            yield element.get("page"), *clean_table(element["html"])
