"""LlamaParse's items as raw elements, the same that the local parser gives.

Knows the shape of an answer. Does not know how it was had.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.errors import ModelError

_EXTRACTOR = "llama_parse"


def raw_elements(pages: Sequence[Any]) -> list[dict[str, Any]]:
    """The items of all pages, each page ended by a `PageBreak`.

    Raises `ModelError` where the service says that it could not read a page.
    """
    found: list[dict[str, Any]] = []
    for page in sorted(pages, key=lambda page: page.page_number):
        if not page.success:
            raise ModelError(
                f"llama_parse: page {page.page_number} could not be read: {page.error}"
            )
        place = {
            "page": page.page_number,
            "page_width": float(page.page_width),
            "page_height": float(page.page_height),
            "extractor": _EXTRACTOR,
        }
        for item in page.items:
            found += [{**place, **element} for element in _elements(item)]
        found.append({**place, "kind": "PageBreak", "text": ""})
    return found


def _elements(item: Any) -> Iterator[dict[str, Any]]:
    reader = _READERS.get(item.type or "text", _text)
    for element in reader(item):
        if element["text"] or element.get("html"):
            yield {"box": _box(item.bbox), **element}


def _text(item: Any) -> Iterator[dict[str, Any]]:
    formula = item.md.strip().startswith("$$")
    yield {"kind": "Formula" if formula else "NarrativeText", "text": item.value.strip()}


def _heading(item: Any) -> Iterator[dict[str, Any]]:
    yield {"kind": "Title", "text": fold(item.value), "depth": max(0, item.level - 1)}


def _list(item: Any) -> Iterator[dict[str, Any]]:
    for entry in item.items:
        if entry.type == "list":
            yield from _list(entry)
        else:
            own = _box(entry.bbox)
            yield {"kind": "ListItem", "text": fold(entry.value), **({"box": own} if own else {})}


def _table(item: Any) -> Iterator[dict[str, Any]]:
    rows = [[_cell(cell) for cell in row] for row in item.rows]
    text = "\n".join(" ".join(filter(None, row)) for row in rows)
    if text.strip():  # a part of a table that was joined to an earlier page's is empty
        yield {"kind": "Table", "text": text, "html": item.html}


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else fold(str(value))


def _image(item: Any) -> Iterator[dict[str, Any]]:
    yield {"kind": "Image", "text": fold(item.caption)}


def _code(item: Any) -> Iterator[dict[str, Any]]:
    yield {"kind": "CodeSnippet", "text": item.value.strip("\n")}


def _link(item: Any) -> Iterator[dict[str, Any]]:
    yield {"kind": "NarrativeText", "text": fold(item.text)}


def _container(kind: str) -> Callable[[Any], Iterator[dict[str, Any]]]:
    def read(item: Any) -> Iterator[dict[str, Any]]:
        said = [element["text"] for inner in item.items for element in _elements(inner)]
        yield {"kind": kind, "text": fold(" ".join(said))}

    return read


_READERS: Mapping[str, Callable[[Any], Iterator[dict[str, Any]]]] = {
    "text": _text,
    "heading": _heading,
    "list": _list,
    "table": _table,
    "image": _image,
    "code": _code,
    "link": _link,
    "header": _container("Header"),
    "footer": _container("Footer"),
}


def _box(boxes: Sequence[Any] | None) -> list[float] | None:
    """The box around all parts of an item."""
    if not boxes:
        return None
    return [
        round(min(box.x for box in boxes), 2),
        round(min(box.y for box in boxes), 2),
        round(max(box.x + box.w for box in boxes), 2),
        round(max(box.y + box.h for box in boxes), 2),
    ]
