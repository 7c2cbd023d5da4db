"""PDF pages through pdfium, in coordinates of the page as it is shown. Runs in the worker.

Knows how to open a document, turn pdfium's coordinates into [left, top, right, bottom] in points
from the top left corner, and paint a part of a page. Does not know what is looked for on it.
"""
# pypdfium2 ships no types.
# pyright: basic, reportAttributeAccessIssue=false

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents.failures import DocumentFailure

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfDocument, PdfPage

MOST_PIXELS = 12_000_000
_MOST_POINTS = 14_400.0


@contextmanager
def opened(path: Path) -> "Iterator[PdfDocument]":
    """The PDF, closed afterwards. Raises `DocumentFailure` where it cannot be opened."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        # pdfium may repeat an older error: it says "password" of files that have no encryption.
        if "password" in str(error).lower() and b"/Encrypt" in path.read_bytes():
            raise DocumentFailure("encrypted", "it opens with a password only") from None
        raise DocumentFailure("damaged", "pdfium cannot open it") from None
    try:
        yield document
    finally:
        document.close()


def too_many_pages(count: int, most: int) -> DocumentFailure:
    """The failure of a document with more pages than are read."""
    return DocumentFailure("too large", f"{count} pages; at most {most} are read")


@contextmanager
def page_of(document: "PdfDocument", number: int) -> "Iterator[PdfPage]":
    """The page of that number, from 1. Raises `DocumentFailure` where it cannot be had."""
    import pypdfium2

    if not 1 <= number <= len(document):
        raise DocumentFailure("error", f"page {number} asked for; the file has {len(document)}")
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError as error:
        raise DocumentFailure("damaged", f"page {number} cannot be loaded ({error})") from None
    try:
        yield page
    finally:
        page.close()


@dataclass(frozen=True, slots=True)
class View:
    """How a page is shown: its size in points after rotation, and the way there from pdfium's."""

    width: float
    height: float
    rotation: int
    left: float
    bottom: float

    @classmethod
    def of(cls, page: "PdfPage") -> "View":
        """The view of a page; a page without a size or of an absurd one is a failure."""
        width, height = page.get_size()
        if not (0 < width <= _MOST_POINTS and 0 < height <= _MOST_POINTS):
            raise DocumentFailure("too large", f"a page of {width:.0f} by {height:.0f} points")
        left, bottom, _, _ = page.get_bbox()
        return cls(width, height, page.get_rotation() % 360, left, bottom)

    def box(self, bounds: Sequence[float]) -> list[float]:
        """Left, bottom, right, top of pdfium as left, top, right, bottom of the page shown."""
        (x0, y0), (x1, y1) = self._point(*bounds[:2]), self._point(*bounds[2:])
        edges = [min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)]
        return [round(edge, 2) for edge in edges]

    def bounds(self, box: Sequence[float]) -> list[float]:
        """Two corners of a box of the page shown, as pdfium has them."""
        return [*self._back(*box[:2]), *self._back(*box[2:])]

    def shows(self, box: Sequence[float]) -> bool:
        """Whether the middle of a box lies on the page; printers' marks lie beside it."""
        left, top, right, bottom = box
        return 0 <= left + right <= 2 * self.width and 0 <= top + bottom <= 2 * self.height

    def _back(self, x: float, y: float) -> tuple[float, float]:
        match self.rotation:
            case 90:
                across, up = y, x
            case 180:
                across, up = self.width - x, y
            case 270:
                across, up = self.height - y, self.width - x
            case _:
                across, up = x, self.height - y
        return across + self.left, up + self.bottom

    def _point(self, x: float, y: float) -> tuple[float, float]:
        across, up = x - self.left, y - self.bottom
        match self.rotation:
            case 90:
                return up, across
            case 180:
                return self.width - across, up
            case 270:
                return self.width - up, self.height - across
            case _:
                return across, self.height - up


def painted(page: "PdfPage", box: Sequence[float] | None, scale: float) -> "Image":
    """The page, or what lies in the box, in pixels: `scale` for each point, fewer where too many.

    The page is never larger than `MOST_PIXELS`.
    """
    view = View.of(page)
    left, top, right, bottom = box or [0.0, 0.0, view.width, view.height]
    pixels = max(1.0, (right - left) * (bottom - top)) * scale**2
    fitting = min(scale, scale * (MOST_PIXELS / pixels) ** 0.5)
    crop: Any = (left, view.height - bottom, view.width - right, top)
    bitmap = page.render(scale=fitting, crop=crop, rev_byteorder=True)  # pyright: ignore
    return bitmap.to_pil().convert("RGB")


def png_of(image: "Image") -> bytes:
    """The picture as PNG bytes, the same for the same pixels."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()
