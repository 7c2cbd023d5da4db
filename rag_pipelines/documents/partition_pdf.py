"""A PDF's elements through pdfium. Runs in the worker.

Knows pages and the outline. Pages that are a picture are named, and read one at a time by
`partition_scan`; Unstructured's own PDF partition reads three pages a second where this reads a
hundred, and less of their text (FACTS.md).
"""
# pypdfium2 ships no types.
# pyright: basic, reportAttributeAccessIssue=false

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.blocks import Block, blocks_of, text_of, words_of
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.kinds import (
    Body,
    depths_of,
    elements_of_page,
    is_heading,
    numbered_depth,
    style_of,
)
from rag_pipelines.documents.lines import Line, Run
from rag_pipelines.documents.pdf_lines import lines_of
from rag_pipelines.documents.pdf_pages import View, opened, page_of, painted, too_many_pages
from rag_pipelines.documents.raw import RawDocument, RawElement

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_FEW_LETTERS, _PICTURE = 12, 0.3
"""Fewer than this and a picture over so much of the page: the page is a scan."""
_STAMP, _WHOLE = 100, 0.6
"""The same of a scan that a program has written a line on, as archives do on every page."""
_UNREADABLE = 0.4
"""Share of letters without a meaning from which a page's text is of no use."""
_OCR_SCALE = 150 / 72
_MOST_BOOKMARKS = 5_000
_NO_VIEW = View(0.0, 0.0, 0, 0.0, 0.0)


@dataclass(slots=True)
class _Page:
    """`view` is how the page is shown, `read` the one in which its lines are told."""

    number: int
    view: View
    read: View
    lines: list[Line]
    scan: bool = False
    failure: DocumentFailure | None = None
    blocks: list[Block] = field(default_factory=list[Block])

    @property
    def place(self) -> RawElement:
        return {
            "page": self.number,
            "page_width": round(self.read.width, 2),
            "page_height": round(self.read.height, 2),
            "extractor": "pdfium",
        }

    def shown(self, element: RawElement) -> RawElement:
        """An element of the view that was read, where it stands on the page as it is shown."""
        box, view = element.get("box"), self.view
        size: RawElement = {
            "page_width": round(view.width, 2),
            "page_height": round(view.height, 2),
        }
        return {**element, **size, "box": view.box(self.read.bounds(box)) if box else None}


def partition_pdf(path: Path, most_pages: int) -> RawDocument:
    """The elements of a PDF, every page ended by a `PageBreak`.

    Raises `DocumentFailure`: encrypted, damaged, empty or with more pages than `most_pages`.
    """
    with opened(path) as document:
        count = len(document)
        if not count:
            raise DocumentFailure("empty", "the file has no pages")
        if count > most_pages:
            raise too_many_pages(count, most_pages)
        pages = [_read(document, number) for number in range(1, count + 1)]
        outline = _outline(document)
        title = fold((document.get_metadata_dict().get("Title") or "").replace("\0", ""))
    if all(page.failure for page in pages) and pages[0].failure:
        raise pages[0].failure
    return {
        "title": title,
        "elements": _elements(pages, outline),
        "scans": [page.number for page in pages if page.scan],
    }


def count_pages(path: Path) -> int:
    """How many pages the PDF says it has. Raises `DocumentFailure` where it cannot be opened."""
    with opened(path) as document:
        return len(document)


def partition_scan(path: Path, page: int) -> list[RawElement]:
    """The elements of one page by optical recognition, ended by a `PageBreak`."""
    from rag_pipelines.documents.ocr import picture_lines

    with opened(path) as document, page_of(document, page) as shown:
        view = View.of(shown)
        picture = painted(shown, None, _OCR_SCALE)
    scale = picture.width / view.width
    lines = [
        _recognised(told["text"], [edge / scale for edge in told["box"]])
        for told in picture_lines(picture)
    ]
    lines.sort(key=lambda line: (line.top, line.left))
    read = _Page(page, view, view, lines)
    return [{**element, "extractor": "rapidocr"} for element in _elements([read], {})]


def _recognised(text: str, box: list[float]) -> Line:
    left, top, right, bottom = box
    return Line([Run(text, left, right)], top, bottom, round(bottom - top, 1))


def _read(document: "PdfDocument", number: int) -> _Page:
    try:
        with page_of(document, number) as page:
            view = View.of(page)
            lines, read = lines_of(page, view)
            scan = _is_scan(page, lines, view)
            return _Page(number, view, read, lines, scan)
    except DocumentFailure as failure:
        return _Page(number, _NO_VIEW, _NO_VIEW, [], failure=failure)


def _is_scan(page: "PdfPage", lines: list[Line], view: View) -> bool:
    text = "".join(line.text for line in lines)
    if text and sum(map(_means_nothing, text)) > _UNREADABLE * len(text):
        return True
    letters = sum(map(str.isalnum, text))
    if letters >= _STAMP:
        return False
    from pypdfium2 import raw

    area = 0.0
    for number, picture in enumerate(page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,))):
        left, bottom, right, top = picture.get_bounds()
        area += max(0.0, right - left) * max(0.0, top - bottom)
        if number > 1000:
            break
    share = area / (view.width * view.height)
    return share >= (_PICTURE if letters < _FEW_LETTERS else _WHOLE)


def _means_nothing(letter: str) -> bool:
    return letter == "\ufffd" or "\ue000" <= letter <= "\uf8ff"


def _outline(document: "PdfDocument") -> dict[tuple[int, str], int]:
    """Depth of each bookmark by its page, from 1, and its words."""
    found: dict[tuple[int, str], int] = {}
    for number, mark in enumerate(document.get_toc(max_depth=6)):
        if number >= _MOST_BOOKMARKS:
            break
        target = mark.get_dest()
        at = target.get_index() if target else None
        if at is not None:
            found[at + 1, _key(mark.get_title())] = mark.level
    return found


def _key(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _elements(pages: list[_Page], outline: dict[tuple[int, str], int]) -> list[RawElement]:
    everything = [line for page in pages for line in page.lines]
    body, words = Body.of(everything), words_of(line.text for line in everything)
    for page in pages:
        page.blocks = blocks_of(page.lines)
    headings = dict(_headings(pages, body, outline))
    elements: list[RawElement] = []
    for page in pages:
        on_page = {at: depth for (number, at), depth in headings.items() if number == page.number}
        found = elements_of_page(page.blocks, on_page, page.place, words)
        elements += map(page.shown, found)
        ended = page.shown({**page.place, "kind": "PageBreak", "text": ""})
        elements.append({**ended, "note": str(page.failure)} if page.failure else ended)
    return elements


def _headings(
    pages: list[_Page], body: Body, outline: dict[tuple[int, str], int]
) -> Iterator[tuple[tuple[int, int], int]]:
    """Page and block number of each heading with its depth."""
    found = [
        (page.number, at, style_of(block), text_of(block.lines))
        for page in pages
        for at, block in enumerate(page.blocks)
        if (page.number, _key(text_of(block.lines))) in outline
        or is_heading(block, body, page.blocks)
    ]
    depths = depths_of([(style, text) for _, _, style, text in found])
    for number, at, style, text in found:
        told = outline.get((number, _key(text)))
        by_number = numbered_depth(text) if told is None else None
        yield (number, at), told if told is not None else by_number or depths[style]
