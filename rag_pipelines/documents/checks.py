"""What must hold of elements and tables, whoever read them.

Each function names what breaks the property; nothing named means that it holds. Shares no code
with the readers: a check that did would prove less.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser

from rag_pipelines.records import Chunk, DocumentFile, DocumentTable, Element, Page

_TAGS = frozenset(
    {"table", "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td"}
    | {"br", "p", "b", "i", "em", "strong", "sub", "sup", "code", "ul", "ol", "li"}
)
_VOID = frozenset({"br", "col"})
_SPANS = frozenset({"rowspan", "colspan", "span"})
_WORDS = frozenset({"scope"})
_LONGEST_SPAN = 1000
_SLACK = 1.0
"""Points that a box may reach over the edge of its page: rounding, not a mistake."""
_NOT_BODY = frozenset({"Header", "Footer", "PageBreak", "PageNumber"})

Place = tuple[str, int | None]
"""A file's URL and a page of it; None where the format has no pages."""


def unread_pages(files: Iterable[DocumentFile], elements: Iterable[Element]) -> list[Place]:
    """Pages of files that were read which do not end in a `PageBreak`.

    A file of a format without pages is one page without a number.
    """
    ends: defaultdict[str, list[int | None]] = defaultdict(list)
    for element in elements:
        if element.kind == "PageBreak":
            ends[element.url].append(element.page)
    due = {
        file.url: [None] if ends[file.url] == [None] else list(range(1, file.pages + 1))
        for file in files
        if not file.problem
    }
    return [(url, page) for url, pages in due.items() for page in pages if page not in ends[url]]


def misplaced(elements: Iterable[Element]) -> Iterator[str]:
    """Elements out of order, off their page, or named twice."""
    of_file: defaultdict[str, list[Element]] = defaultdict(list)
    for element in elements:
        of_file[element.url].append(element)
    for url, found in of_file.items():
        yield from (f"{url}: {told}" for told in _disorder(found))
        yield from (f"{url} page {e.page}: box {e.box}" for e in found if not _on_page(e))


def _disorder(found: Sequence[Element]) -> Iterator[str]:
    before, page = {""}, 0
    for number, element in enumerate(found):
        if element.position != number:
            yield f"position {element.position} where {number} is due"
        if element.page is not None and element.page < page:
            yield f"page {element.page} after page {page}"
        if element.id in before:
            yield f"id {element.id} twice"
        if element.parent not in before:
            yield f"parent {element.parent} of {element.id} does not come before it"
        page = max(page, element.page or 0)
        before.add(element.id)


def _on_page(element: Element) -> bool:
    if element.box is None:
        return True
    if len(element.box) != 4 or not all(map(math.isfinite, element.box)):
        return False
    left, top, right, bottom = element.box
    across = -_SLACK <= left <= right <= element.page_width + _SLACK
    return across and -_SLACK <= top <= bottom <= element.page_height + _SLACK


class _Tags(HTMLParser):
    """A table's tags as they open and close; `problem` is the first that is not allowed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problem = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self._complain(f"<{tag}>")
        for name, value in attrs:
            if not _allowed(name, value or ""):
                self._complain(f'<{tag} {name}="{(value or "")[:40]}">')
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self.open or self.open.pop() != tag:
            self._complain(f"</{tag}> closes nothing")

    def handle_comment(self, data: str) -> None:
        self._complain("a comment")

    def handle_decl(self, decl: str) -> None:
        self._complain("a declaration")

    def unknown_decl(self, data: str) -> None:
        self._complain("a declaration")

    def handle_pi(self, data: str) -> None:
        self._complain("a processing instruction")

    def _complain(self, problem: str) -> None:
        self.problem = self.problem or problem


def _allowed(name: str, value: str) -> bool:
    if name in _SPANS:
        return value.isascii() and value.isdigit() and 1 <= int(value) <= _LONGEST_SPAN
    return name in _WORDS and value in ("row", "col", "rowgroup", "colgroup")


def unclean(html: str) -> str:
    """What is not allowed in a table's HTML, or not closed; empty where it is clean."""
    tags = _Tags()
    tags.feed(html)
    tags.close()
    if tags.problem:
        return tags.problem
    if tags.open:
        return f"<{tags.open[-1]}> is not closed"
    return "" if html.lstrip().startswith("<table") else "no <table> to begin with"


def uneven(table: DocumentTable) -> bool:
    """Whether a table's rows are not all of one width, or there are none."""
    return len({len(row) for row in table.rows}) != 1 or not table.rows[0]


def uncovered(
    chunks: Iterable[Chunk],
    pages: Iterable[Page],
    elements: Iterable[Element],
    tables: Iterable[DocumentTable],
) -> list[Place]:
    """Pages of the web, and pages of files, that have text of their own and no chunk."""
    with_text: dict[Place, None] = {(page.url, None): None for page in pages if page.text.strip()}
    place_of: dict[str, Place] = {}
    for element in elements:
        place_of[element.id] = place = (element.url, element.page)
        if element.text.strip() and element.kind not in _NOT_BODY:
            with_text[place] = None
    covered: set[Place] = set()
    for chunk in chunks:
        covered.add((chunk.url, chunk.page))
        covered.update(place_of[key] for key in chunk.elements if key in place_of)
    for table in tables:
        if (table.url, table.page) in covered:
            covered.update((table.url, page) for page in table.pages)
    return [place for place in with_text if place not in covered]
