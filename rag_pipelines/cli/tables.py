"""`rag tables`: the tables of files, printed or as a line of JSON each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from rag_pipelines.cli.output import console, print_json, remarks
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.tables_files import tables_of_file
from rag_pipelines.documents.tables_grid import Grid, html_of
from rag_pipelines.documents.tables_headers import column_names
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines.errors import UserError


def tables(
    files: Annotated[list[Path], typer.Argument(help="Files to read.", metavar="FILE…")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each table, with its HTML.")
    ] = False,
) -> None:
    """Tables of files, page by page; one that runs over a page break comes in its parts."""
    failed: list[str] = []
    with DocumentWorker() as worker:
        for file in files:
            try:
                for page, grid, caption in tables_of_file(worker, file):
                    _tell(file, page, grid, caption, as_json)
            except DocumentFailure as failure:
                failed.append(f"{file}: {failure}")
    if failed and len(failed) == len(files):
        raise UserError("No file could be read: " + "; ".join(failed))
    for problem in failed:
        remarks.print(problem, markup=False)


def _tell(file: Path, page: int | None, grid: Grid, caption: str, as_json: bool) -> None:
    if as_json:
        print_json({"doc": file.stem, "page": page, "html": html_of(grid, caption)})
        return
    place = file.name if page is None else f"{file.name}, page {page}"
    title = f"{place}: {caption}" if caption else place
    console.print(readable(grid.rows(), grid.headers, title))


def readable(rows: Sequence[Sequence[str]], headers: int, title: str = "") -> Table:
    """A table for a terminal, its headings one above the other in one line a column."""
    table = Table(title=escape(title) or None, title_justify="left", show_header=headers > 0)
    for name in column_names(rows, headers):
        table.add_column(escape(name))
    for row in rows[headers:]:
        table.add_row(*map(escape, row))
    return table
