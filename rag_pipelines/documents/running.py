"""Running headers and footers: lines that come back at the edge of page after page.

Knows raw elements of pages; works for every parser that tells where an element stands.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from rag_pipelines.documents.raw import RawElement

_EDGE = 0.12
"""Of the page's height, at its top and at its bottom."""
_NUMBER_EDGE = 0.1
_SHARE = 0.25
"""Of the document's pages that a running line stands on at least; two pages always."""
_MOVES = 6.0
"""Points up or down that it may move from page to page."""
_LONGEST = 200
_PAGE_NUMBER = re.compile(
    r"[-\u2013\u2014\s|]*(?:(?:page|seite|página|pagina|pag\.?|p\.|s\.)\s*)?(?:\d{1,4}|[ivxlc]{1,6})"
    r"(?:\s*(?:/|of|von|sur|de|di)\s*\d{1,4})?[-\u2013\u2014\s|]*",
    re.IGNORECASE,
)
_NEVER = frozenset({"PageBreak", "Table", "Image", "Header", "Footer", "PageNumber"})


def with_running_marked(elements: Sequence[RawElement]) -> list[RawElement]:
    """The elements, with those that run along the pages' edges as `Header` or `Footer`."""
    pages = sum(element.get("kind") == "PageBreak" for element in elements)
    seen = defaultdict[tuple[str, str], list[tuple[int, float]]](list)
    for edge, key, page, place in filter(None, map(_at_edge, elements)):
        seen[edge, key].append((page, place))
    return [_marked(element, seen, pages) for element in elements]


def _marked(
    element: RawElement, seen: dict[tuple[str, str], list[tuple[int, float]]], pages: int
) -> RawElement:
    found = _at_edge(element)
    if found is None:
        return element
    edge, key, _, place = found
    others = {at for at, known in seen[edge, key] if abs(known - place) <= _MOVES}
    if len(others) >= max(2, _SHARE * pages) or _is_page_number(element):
        return {**element, "kind": edge}
    return element


def _at_edge(element: RawElement) -> tuple[str, str, int, float] | None:
    """Which edge, the words with every number alike, the page, and how far from the edge."""
    box, height, page = element.get("box"), element.get("page_height"), element.get("page")
    text = element.get("text", "")
    if not box or not height or page is None or element.get("kind") in _NEVER:
        return None
    if not text or len(text) > _LONGEST:
        return None
    key = re.sub(r"\d+", "#", text.casefold())
    if box[3] <= _EDGE * height:
        return "Header", key, page, box[1]
    if box[1] >= (1 - _EDGE) * height:
        return "Footer", key, page, height - box[3]
    return None


def _is_page_number(element: RawElement) -> bool:
    """A number alone at the very edge, even on one page."""
    box, height = element.get("box") or [], element.get("page_height", 0.0)
    at_edge = box[3] <= _NUMBER_EDGE * height or box[1] >= (1 - _NUMBER_EDGE) * height
    return at_edge and bool(_PAGE_NUMBER.fullmatch(element.get("text", "")))


def headings_above(elements: Sequence[RawElement]) -> Iterator[int | None]:
    """For each element the number of the heading that it stands under."""
    path: list[tuple[int, int]] = []
    for number, element in enumerate(elements):
        if element.get("kind") == "Title":
            depth = element.get("depth") or 0
            while path and path[-1][0] >= depth:
                path.pop()
            yield path[-1][1] if path else None
            path.append((depth, number))
        elif element.get("kind") in _NEVER - {"Table", "Image"}:
            yield None
        else:
            yield path[-1][1] if path else None
