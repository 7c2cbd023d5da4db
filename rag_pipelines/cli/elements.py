"""`rag elements`: what files say, as Unstructured's elements."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer
from rich.markup import escape

from rag_pipelines.cli.output import console, print_json, remarks
from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.documents.unstructured_json import unstructured_dicts
from rag_pipelines.errors import UserError
from rag_pipelines.records import DocumentFile, Element
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

_SHOWN = 160


def elements(
    files: Annotated[list[Path], typer.Argument(help="Files to read.", metavar="FILE…")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print Unstructured's JSON, an element a line.")
    ] = False,
    ocr: Annotated[
        Literal["auto", "never"], typer.Option(help="auto reads pages that are only a picture.")
    ] = "auto",
) -> None:
    """Text of files in reading order: headings, paragraphs, items, tables, page by page."""
    read = _read(files, ocr)
    by_url = defaultdict[str, list[Element]](list)
    for element in read.elements:
        by_url[element.url].append(element)
    for file in read.files:
        if file.problem:
            remarks.print(f"{file.url.removeprefix('file:')}: {file.problem}", markup=False)
        elif as_json:
            for told in unstructured_dicts(file, by_url[file.url]):
                print_json(told)
        else:
            _show(file, by_url[file.url])
    if all(file.problem for file in read.files):
        raise UserError("No file could be read.")


def _read(files: list[Path], ocr: Literal["auto", "never"]) -> ReadDocuments:
    settings = Documents(paths=("*",), ocr=ocr)
    with TemporaryDirectory(prefix="rag-elements-") as folder:
        blobs = Blobs(folder)
        found = [
            file_at("", f"file:{path.as_posix()}", path, settings.max_file_bytes, blobs)
            for path in dict.fromkeys(files)
        ]
        return read_elements(found, blobs, settings=settings)


def _show(file: DocumentFile, found: list[Element]) -> None:
    pages = f"{file.pages} page" + ("s" if file.pages != 1 else "")
    console.print(f"[bold]{escape(file.title)}[/bold] [dim]{escape(file.name)}, {pages}[/dim]")
    for element in (e for e in found if e.kind != "PageBreak"):
        text = " ".join(element.text.split())
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        place = f"{element.page or '':>4} {element.kind:<18}"
        console.print(f"[dim]{place}[/dim] {escape(shown or element.note)}")
