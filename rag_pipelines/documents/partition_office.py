"""Everything but PDF through Unstructured's own partitions. Runs in the worker.

Knows which partition reads which media type, and how Unstructured's elements become raw ones.
Attachments of messages are not read.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents import file_types
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.raw import RawDocument, RawElement
from rag_pipelines.documents.unstructured_setup import prepare

if TYPE_CHECKING:
    from unstructured.documents.elements import Element

_PARTITIONS = {
    file_types.DOCX: "docx:partition_docx",
    file_types.PPTX: "pptx:partition_pptx",
    file_types.XLSX: "xlsx:partition_xlsx",
    file_types.ODT: "odt:partition_odt",
    file_types.EPUB: "epub:partition_epub",
    file_types.RTF: "rtf:partition_rtf",
    file_types.HTML: "html:partition_html",
    file_types.MARKDOWN: "md:partition_md",
    file_types.EMAIL: "email:partition_email",
    file_types.MSG: "msg:partition_msg",
    file_types.CSV: "csv:partition_csv",
    file_types.TEXT: "text:partition_text",
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
_HEAD = re.compile(rb"<title[^>]*>([^<]{1,300})</title>", re.IGNORECASE)


def partition_office(path: Path, media_type: str) -> RawDocument:
    """The elements of a file, every page ended by a `PageBreak`.

    Raises `DocumentFailure`: type, encrypted, damaged, too large.
    """
    if media_type not in _PARTITIONS:
        raise DocumentFailure(*_refusal(media_type))
    if media_type in _ARCHIVES:
        file_types.refuse_bomb(path.read_bytes())
    prepare()
    try:
        elements = _partition(media_type)(
            filename=str(path), languages=["auto"], **_SETTINGS.get(media_type, {})
        )
    except (DocumentFailure, MemoryError, OSError):
        raise
    except Exception as error:
        if type(error).__name__ not in _DAMAGED:
            raise
        detail = str(error).replace(str(path), "the file")[:300]
        raise DocumentFailure("damaged", f"{type(error).__name__}: {detail}") from None
    return {"title": _title(path, media_type), "elements": list(_raw(elements)), "scans": []}


def _refusal(media_type: str) -> tuple[str, str]:
    if media_type == "application/x-encrypted-office":
        return "encrypted", "an office file that a password protects"
    if media_type == "application/x-ole-storage":
        return "type", "an office format from before 2007; save it as docx, pptx or xlsx"
    return "type", f"{media_type} is none of the formats that are read"


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
        "text": element.text or "",
        "page": page,
        "depth": metadata.category_depth,
        "html": metadata.text_as_html or "",
        "extractor": "unstructured",
    }
    if element.category == "Title" and raw["depth"] is None:
        raw["depth"] = 0
    return raw


def _title(path: Path, media_type: str) -> str:
    """What the file calls itself; empty where it does not."""
    reader: dict[str, Callable[[Path], Any]] = {
        file_types.DOCX: _core_title("docx:Document"),
        file_types.PPTX: _core_title("pptx:Presentation"),
        file_types.HTML: _html_title,
        file_types.EMAIL: _subject,
    }
    read = reader.get(media_type)
    return " ".join(str(read(path) or "").split())[:300] if read else ""


def _core_title(opener: str) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        module, _, name = opener.partition(":")
        return getattr(import_module(module), name)(str(path)).core_properties.title

    return read


def _html_title(path: Path) -> str:
    from html import unescape

    found = _HEAD.search(path.read_bytes()[:200_000])
    return unescape(found.group(1).decode("utf-8", "replace")) if found else ""


def _subject(path: Path) -> str:
    from email import message_from_bytes, policy

    return str(message_from_bytes(path.read_bytes(), policy=policy.default)["subject"] or "")
