"""Everything but PDF through Unstructured's own partitions; plain text is ours. Runs in the worker.

Knows which partition reads which media type, and how Unstructured's elements become raw ones.
Attachments of messages are not read.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rag_pipelines.documents import file_types
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.kinds import kind_of
from rag_pipelines.documents.partition_text import elements_of_text, text_of_file
from rag_pipelines.documents.raw import RawDocument, RawElement
from rag_pipelines.documents.rewriting import rewritten
from rag_pipelines.documents.rewriting_sheets import KEEPER
from rag_pipelines.documents.slides import of_slides
from rag_pipelines.documents.spanned import with_spans
from rag_pipelines.documents.titles import title_of
from rag_pipelines.documents.unstructured_setup import prepare

if TYPE_CHECKING:
    from unstructured.documents.elements import Element

_HTML = "html:partition_html"
_PARTITIONS = {
    file_types.DOCX: "docx:partition_docx",
    file_types.PPTX: "pptx:partition_pptx",
    file_types.XLSX: "xlsx:partition_xlsx",
    file_types.ODT: "docx:partition_docx",
    file_types.EPUB: _HTML,
    file_types.RTF: _HTML,
    file_types.HTML: _HTML,
    file_types.MARKDOWN: "md:partition_md",
    file_types.EMAIL: "email:partition_email",
    file_types.MSG: "msg:partition_msg",
    file_types.CSV: "csv:partition_csv",
}
_ARCHIVES = {
    file_types.DOCX,
    file_types.PPTX,
    file_types.XLSX,
    file_types.ODT,
    file_types.EPUB,
}
_SETTINGS: dict[str, dict[str, object]] = {
    file_types.PPTX: {"include_slide_notes": True, "include_page_breaks": False},
    file_types.EMAIL: {"process_attachments": False},
    file_types.MSG: {"process_attachments": False},
    file_types.XLSX: {"find_subtable": True},
}
_DAMAGED = (
    "BadZipFile", "PackageNotFoundError", "KeyError", "XMLSyntaxError", "ParserError",
    "InvalidFileException", "UnprocessableEntityError", "RuntimeError", "ValueError",
)  # fmt: skip
_FORMULA = re.compile(r"\$\$[^$]+\$\$")
_UNNAMED = re.compile(r"|(?:sheet|tabelle|feuil|hoja|foglio|planilha)\d*", re.IGNORECASE)


def partition_office(path: Path, media_type: str) -> RawDocument:
    """The elements of a file, every page ended by a `PageBreak`.

    Raises `DocumentFailure`: type, encrypted, damaged, too large.
    """
    if media_type not in file_types.READABLE:
        raise DocumentFailure(*_refusal(media_type))
    if media_type in _ARCHIVES:
        file_types.refuse_bomb(path.read_bytes())
    prepare()
    try:
        elements = list(_read(path, media_type))
    except (DocumentFailure, MemoryError, OSError):
        raise
    except Exception as error:
        if type(error).__name__ not in _DAMAGED:
            raise
        detail = str(error).replace(str(path), "the file")[:300]
        raise DocumentFailure("damaged", f"{type(error).__name__}: {detail}") from None
    return {"title": title_of(path, media_type), "elements": elements, "scans": []}


def _refusal(media_type: str) -> tuple[str, str]:
    if media_type == "application/x-encrypted-office":
        return "encrypted", "an office file that a password protects"
    if media_type == "application/x-ole-storage":
        return "type", "an office format from before 2007; save it as docx, pptx or xlsx"
    return "type", f"{media_type} is none of the formats that are read"


def _read(path: Path, media_type: str) -> Iterator[RawElement]:
    if media_type == file_types.TEXT:
        for element in elements_of_text(text_of_file(path)):
            yield {"extractor": "text", **element}
        yield {"kind": "PageBreak", "text": "", "page": None}
        return
    with TemporaryDirectory(prefix="rag-rewritten-") as folder:
        copy = rewritten(path, media_type, Path(folder))
        elements = _partition(media_type)(
            filename=str(copy), languages=["auto"], **_SETTINGS.get(media_type, {})
        )
        if _PARTITIONS[media_type] == _HTML:
            yield from with_spans(list(_raw(elements)), copy)
            return
    yield from _raw(of_slides(elements, path) if media_type == file_types.PPTX else elements)


def _partition(media_type: str) -> Callable[..., "list[Element]"]:
    module, _, name = _PARTITIONS[media_type].partition(":")
    return getattr(import_module(f"unstructured.partition.{module}"), name)


def _raw(elements: "Sequence[Element]") -> Iterator[RawElement]:
    """Elements in order with a `PageBreak` where the page changes, and one at the end."""
    page: int | None = None
    for number, element in enumerate(elements):
        if element.category == "PageBreak":
            continue
        at = element.metadata.page_number
        if number and at != page and at is not None:
            yield from _breaks(page, at)
        page = at if at is not None else page
        yield _one(element, page)
    yield {"kind": "PageBreak", "text": "", "page": page}


def _breaks(page: int | None, next_page: int) -> Iterator[RawElement]:
    """One for every page that ends, those without text as well."""
    for ended in range(page or next_page, max(next_page, (page or 0) + 1)):
        yield {"kind": "PageBreak", "text": "", "page": ended}


def _one(element: "Element", page: int | None) -> RawElement:
    metadata = element.metadata
    raw: RawElement = {
        "kind": element.category,
        "text": (element.text or "").replace(KEEPER, ""),
        "page": page,
        "depth": metadata.category_depth,
        "html": _with_caption(
            (metadata.text_as_html or "").replace(KEEPER, ""), metadata.page_name or ""
        ),
        "extractor": "unstructured",
    }
    if _FORMULA.fullmatch(raw["text"].strip()):
        return {**raw, "kind": "Formula"}
    if element.category == "Title" and not _is_told(element):
        kind, text = kind_of(raw["text"])
        return {**raw, "kind": kind, "text": text, "depth": None}
    return raw


def _is_told(title: "Element") -> bool:
    """Whether the file says that it is a heading; else Unstructured guessed by the words."""
    depth, on_slide = title.metadata.category_depth, title.metadata.filetype == file_types.PPTX
    return depth is not None and (depth == 0 or not on_slide)


def _with_caption(html: str, sheet: str) -> str:
    """The table with its sheet's name, where somebody gave one."""
    if not html or _UNNAMED.fullmatch(sheet):
        return html
    return html.replace("<table>", f"<table><caption>{escape(sheet)}</caption>", 1)
