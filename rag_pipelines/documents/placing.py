"""Where a table or a figure stands among a document's elements, and which of them it tells.

Knows boxes, captions and words. Does not know how either is cut or written.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.flow import FURNITURE
from rag_pipelines.records import DocumentTable, Element, Figure

_WORD = re.compile(r"\w+")
_INSIDE = 0.5
"""Share of an element's width and height that must lie in a table's or a figure's box."""
_SAID = 0.6
"""Share of an element's words that a table or figure must say for the element to be left out."""

Box = Sequence[float]


@dataclass(frozen=True, slots=True)
class Place:
    """`at` is the index of the element that it stands before; `told` those that it tells."""

    at: int
    told: list[Element]


def words_of(text: str) -> list[str]:
    """Words and numbers, lower case."""
    return _WORD.findall(text.casefold())


def place_of_table(
    table: DocumentTable, elements: Sequence[Element], told: Collection[str] = ()
) -> Place:
    """Where a table stands: by its box, and without one at the first table that says the same.

    `told` are ids of elements that other tables have told.
    """
    said = set(words_of(" ".join([*(cell for row in table.rows for cell in row), table.caption])))
    own = [
        element
        for element in elements
        if _is_caption(element, table.caption, table.pages or [table.page])
        or (_says(said, element) and _stands_in(element, table))
    ]
    if table.box is None:
        own = [element for element in own if element.id not in told][:1]
    return Place(_at(table.page, table.box, own, elements), own)


def place_of_figure(figure: Figure, elements: Sequence[Element]) -> Place:
    """Where a figure stands, by its box."""
    said = set(words_of(f"{figure.caption} {figure.text} {figure.ocr} {figure.description}"))
    told = [
        element
        for element in elements
        if _is_caption(element, figure.caption, [figure.page])
        or (_within(element, figure.page, figure.box) and _says(said, element))
        or (figure.box is None and element.kind == "Image" and element.image == figure.image)
    ]
    return Place(_at(figure.page, figure.box, told, elements), told)


def _stands_in(element: Element, table: DocumentTable) -> bool:
    """Inside the table's box, or on one of the pages that it goes on to, where no box is known."""
    if table.box is None:
        return element.kind == "Table" and element.page == table.page
    goes_on = element.page != table.page and element.page in table.pages
    return _within(element, table.page, table.box) or (goes_on and _all_in(element, table))


def _all_in(element: Element, table: DocumentTable) -> bool:
    cells = {fold(cell).casefold() for row in table.rows for cell in row}
    said = fold(element.text).casefold()
    return said in cells or all(word in " ".join(cells) for word in words_of(said))


def _says(said: Collection[str], element: Element) -> bool:
    words = words_of(element.text)
    return sum(word in said for word in words) >= _SAID * len(words)


def _is_caption(element: Element, caption: str, pages: Collection[int | None]) -> bool:
    return bool(caption) and element.page in pages and fold(element.text) == fold(caption)


def _within(element: Element, page: int | None, box: Box | None) -> bool:
    if box is None or element.box is None or element.page != page:
        return False
    left, top, right, bottom = element.box
    across = min(right, box[2]) - max(left, box[0])
    down = min(bottom, box[3]) - max(top, box[1])
    return across >= _INSIDE * (right - left) and down >= _INSIDE * (bottom - top)


def _at(
    page: int | None, box: Box | None, told: Sequence[Element], elements: Sequence[Element]
) -> int:
    """Index of the first element that it tells, else of the first that stands below it."""
    own = {element.id for element in told if element.page == page}
    for at, element in enumerate(elements):
        if element.id in own or (not own and _follows(element, page, box)):
            return at
    return len(elements)


def _follows(element: Element, page: int | None, box: Box | None) -> bool:
    if page is None or element.page is None or element.page < page:
        return False
    if element.page > page or element.kind == "PageBreak":
        return True
    if box is None or element.box is None or element.kind in FURNITURE:
        return False
    return element.box[1] >= box[1]
