"""What a parser gives for a document, before it has ids: elements as JSON objects.

A parser runs in another process or another place, so these are plain values.
"""

from typing import TypedDict


class RawElement(TypedDict, total=False):
    """One element; what is absent is the default of `records.Element`."""

    kind: str
    text: str
    page: int | None
    page_width: float
    page_height: float
    box: list[float] | None
    depth: int | None
    language: str
    extractor: str
    html: str
    note: str


class RawDocument(TypedDict):
    """A parsed file. `scans` are the pages, from 1, that only optical recognition can read."""

    title: str
    elements: list[RawElement]
    scans: list[int]
