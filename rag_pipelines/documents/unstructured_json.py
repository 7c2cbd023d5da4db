"""Elements as Unstructured writes them: `unstructured.staging.base.elements_from_dicts` reads it.

Needs nothing of Unstructured's to be installed but its list of languages.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from rag_pipelines.records import DocumentFile, Element

_ORIGIN = {"rapidocr": "ocr"}


def unstructured_dicts(file: DocumentFile, elements: Sequence[Element]) -> Iterator[dict[str, Any]]:
    """One JSON object an element, in order."""
    for element in elements:
        yield {
            "type": element.kind,
            "element_id": element.id,
            "text": element.text,
            "metadata": _metadata(file, element),
        }


def _metadata(file: DocumentFile, element: Element) -> dict[str, Any]:
    language = _three_letters(element.language)
    told = {
        "filename": file.name,
        "filetype": element.media_type,
        "page_number": element.page,
        "languages": [language] if language else None,
        "parent_id": element.parent or None,
        "category_depth": element.depth,
        "coordinates": _coordinates(element),
        "text_as_html": element.html or None,
        "detection_origin": _ORIGIN.get(element.extractor, element.extractor),
        "data_source": {"url": element.url, "record_locator": {"sha256": element.document}},
    }
    return {name: value for name, value in told.items() if value is not None}


def _coordinates(element: Element) -> dict[str, Any] | None:
    """In points from the top left corner, which Unstructured calls a space of pixels."""
    if element.box is None:
        return None
    left, top, right, bottom = element.box
    return {
        "points": [[left, top], [left, bottom], [right, bottom], [right, top]],
        "system": "PixelSpace",
        "layout_width": element.page_width,
        "layout_height": element.page_height,
    }


@cache
def _three_letters(code: str) -> str:
    """ISO 639-3 as Unstructured has it, of ISO 639-1."""
    if not code:
        return ""
    iso639: Any = import_module("iso639")
    try:
        return iso639.Language.from_part1(code).part3
    except iso639.LanguageNotFoundError:
        return code
