"""`rag tables`: the tables of files, printed or as a line of JSON each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rag_pipelines.cli.output import Json, console, print_json, remarks
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.tables_continued import Part
from rag_pipelines.documents.tables_grid import html_of
from rag_pipelines.documents.tables_headers import column_names
from rag_pipelines.documents.tables_pdf import part_of
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines.errors import UserError


def tables(
    files: Annotated[list[Path], typer.Argument(help="Files to read.", metavar="FILE…")],
    as_json: Json = False,
) -> None:
    """Tables of files as clean HTML, page by page."""
    failed: list[str] = []
    with DocumentWorker() as worker:
        for file in files:
            try:
                for part in _parts(worker, file):
                    _tell(file, part, as_json)
            except DocumentFailure as failure:
                failed.append(f"{file}: {failure}")
                remarks.print(f"{file}: {failure}", markup=False)
    if len(failed) == len(files):
        raise UserError("No file could be read: " + "; ".join(failed))


def _parts(worker: DocumentWorker, file: Path) -> Iterator[Part]:
    """A table over a page break is told by page: where it stands is what is asked for."""
    if not file.is_file():
        raise DocumentFailure("missing", "there is no such file")
    told = worker.run("rag_pipelines.documents.tables_pdf:read_tables_of", file.resolve())
    yield from map(part_of, told)


def _tell(file: Path, part: Part, as_json: bool) -> None:
    if as_json:
        html = html_of(part.grid, part.caption)
        print_json({"doc": file.stem, "page": part.page, "html": html})
        return
    title = f"{file.name}, page {part.page}" + (f": {part.caption}" if part.caption else "")
    console.print(readable(part.grid.rows(), part.grid.headers, title))


def readable(rows: Sequence[Sequence[str]], headers: int, title: str = "") -> Table:
    """A table for a terminal; a text that spans columns stands in the first of them."""
    table = Table(title=title or None, title_justify="left", show_lines=headers > 1)
    for name in column_names(rows, headers):
        table.add_column(name.replace("[", "\\["))
    for row in rows[headers:]:
        table.add_row(*(text.replace("[", "\\[") for text in row))
    return table
