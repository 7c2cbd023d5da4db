"""Slides' elements in the order and the classes that the slides themselves tell.

Runs in the worker. Unstructured has the speaker's notes before the title, and takes the footer, the
date and the number at a slide's edge for text.
"""
# python-pptx is typed in part only.
# pyright: basic, reportAttributeAccessIssue=false

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unstructured.documents.elements import Element

_EDGES = {"SLIDE_NUMBER": "PageNumber", "FOOTER": "Footer", "DATE": "Footer", "HEADER": "Header"}


def of_slides(elements: "Sequence[Element]", path: Path) -> "list[Element]":
    """The elements, notes last on each slide, what runs along its edge as such."""
    from pptx import Presentation
    from unstructured.documents import elements as classes

    slides = list(enumerate(Presentation(str(path)).slides, 1))
    notes = {number: _notes(slide) for number, slide in slides}
    edges = {(number, text): kind for number, slide in slides for text, kind in _edges(slide)}

    def place(element: "Element") -> tuple[int, bool]:
        page = element.metadata.page_number or 0
        return page, element.text == notes.get(page)

    def named(element: "Element") -> "Element":
        kind = edges.get((element.metadata.page_number or 0, element.text))
        return getattr(classes, kind)(element.text, metadata=element.metadata) if kind else element

    return [named(element) for element in sorted(elements, key=place)]


def _notes(slide: Any) -> str:
    frame = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    return frame.text.strip() if frame else ""


def _edges(slide: Any) -> Iterator[tuple[str, str]]:
    for shape in slide.placeholders:
        kind = _EDGES.get(shape.placeholder_format.type.name)
        if kind and shape.has_text_frame:
            yield from ((paragraph.text, kind) for paragraph in shape.text_frame.paragraphs)
