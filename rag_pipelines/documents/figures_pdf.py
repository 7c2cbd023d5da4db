"""Pictures of a PDF's pages: embedded images and vector drawings. Runs in the worker.

Knows what pdfium says is drawn on a page. Which of it is a picture is decided in
`figures_regions`, which line is its caption in `figures_lines`.
"""
# pypdfium2 ships no types.
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from ctypes import c_double
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.figures_lines import Line, caption_of, joined_lines, text_inside
from rag_pipelines.documents.figures_regions import Region, Shape, area, picture_regions
from rag_pipelines.documents.pdf_pages import View, opened, page_of, painted, png_of

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_SCALE = 2.0
_LONGEST_SIDE = 1_600.0
_MOST_SHAPES = 20_000
_MOST_ON_A_PAGE = 40
_DEEPEST = 6
_WHITE = 250
_SCAN = 0.5
_MOST_CHARACTERS = 20_000
_SPACES = {0x20, 0xA0}
_BREAKS = {0x0A, 0x0D}


def pdf_figures(
    path: Path,
    pages: Sequence[int],
    tables: Mapping[str, Sequence[list[float]]],
    scans: Collection[int] = (),
) -> dict[str, Any]:
    """The pictures on those pages: `{"figures": […], "failed": {page: problem}}`.

    A figure is `page`, `box`, `png` in base64, `caption`, `text` (the text layer inside) and
    `raster`, whether it is an image rather than a drawing. `tables` are boxes by page; on
    the pages in `scans` a large image is the page itself, which was read by OCR.
    """
    found: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    with opened(path) as document:
        for number in pages:
            try:
                with page_of(document, number) as page:
                    for figure in _of_page(page, tables.get(str(number), ()), number in scans):
                        found.append({"page": number, **figure})
            except DocumentFailure as failure:
                failed[str(number)] = str(failure)
    return {"figures": found, "failed": failed}


def _of_page(
    page: "PdfPage", tables: Sequence[list[float]], scanned: bool
) -> Iterator[dict[str, Any]]:
    view = View.of(page)
    shapes = list(islice(_shapes(page, view), _MOST_SHAPES))
    if not shapes:
        return
    lines = _lines(page, view)
    largest = _SCAN if scanned else 1.0
    regions = [
        region
        for region in picture_regions(shapes, view.width, view.height, lines, tables)
        if area(region.box) <= largest * view.width * view.height
    ]
    for region in regions[:_MOST_ON_A_PAGE]:
        yield {
            "box": [round(edge, 1) for edge in region.box],
            "png": _cropped(page, region),
            "caption": caption_of(region.box, lines),
            "text": text_inside(region.box, lines),
            "raster": region.image_share > 0.5,
        }


def _cropped(page: "PdfPage", region: Region) -> str:
    longest = max(region.box[2] - region.box[0], region.box[3] - region.box[1])
    scale = min(_SCALE, _LONGEST_SIDE / longest)
    return b64encode(png_of(painted(page, region.box, scale))).decode()


def _shapes(page: "PdfPage", view: View) -> Iterator[Shape]:
    """What is drawn on the page, also inside form objects, in the page's coordinates."""
    import pypdfium2.raw as pdfium

    kinds = {
        pdfium.FPDF_PAGEOBJ_IMAGE: "image",
        pdfium.FPDF_PAGEOBJ_PATH: "path",
        pdfium.FPDF_PAGEOBJ_SHADING: "shading",
    }
    for drawn in page.get_objects(filter=list(kinds), max_depth=_DEEPEST):
        bounds = _bounds(drawn)
        if bounds is None or not all(abs(edge) < 1e6 for edge in bounds):
            continue
        kind = kinds[drawn.type]
        if kind == "path":
            if _invisible(drawn):
                continue
            yield Shape(kind, view.box(bounds), _plain(drawn))
        else:
            yield Shape(kind, view.box(bounds))


def _bounds(drawn: Any) -> list[float] | None:
    """Left, bottom, right, top on the page, within the clip of the forms that hold it."""
    import pypdfium2

    try:
        edges = list(drawn.get_bounds())
        container = drawn.container
        while container is not None:
            edges = list(container.get_matrix().on_rect(*edges))
            clip = container.get_bounds()
            edges = [
                max(edges[0], clip[0]),
                max(edges[1], clip[1]),
                min(edges[2], clip[2]),
                min(edges[3], clip[3]),
            ]
            container = container.container
    except pypdfium2.PdfiumError:
        return None
    return edges if edges[0] <= edges[2] and edges[1] <= edges[3] else None


def _invisible(path: Any) -> bool:
    """Neither stroked nor filled, or filled with white: pages are laid out with such boxes."""
    from ctypes import c_int, c_uint

    import pypdfium2.raw as pdfium

    fill, stroke = c_int(), c_int()
    if not pdfium.FPDFPath_GetDrawMode(path, fill, stroke) or stroke.value:
        return False
    red, green, blue, alpha = c_uint(), c_uint(), c_uint(), c_uint()
    known = pdfium.FPDFPageObj_GetFillColor(path, red, green, blue, alpha)
    white = known and min(red.value, green.value, blue.value) >= _WHITE
    return not fill.value or bool(white) or (bool(known) and not alpha.value)


def _plain(path: Any) -> bool:
    """Whether the path is straight lines along the page's edges: rules, frames, bars."""
    from ctypes import c_float

    import pypdfium2.raw as pdfium

    count = pdfium.FPDFPath_CountSegments(path)
    if count > 12:
        return False
    before: tuple[float, float] | None = None
    x, y = c_float(), c_float()
    for index in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        if pdfium.FPDFPathSegment_GetType(segment) == pdfium.FPDF_SEGMENT_BEZIERTO:
            return False
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        line = pdfium.FPDFPathSegment_GetType(segment) == pdfium.FPDF_SEGMENT_LINETO
        if line and before and min(abs(x.value - before[0]), abs(y.value - before[1])) > 0.5:
            return False
        before = (x.value, y.value)
    return True


def _lines(page: "PdfPage", view: View) -> list[Line]:
    textpage = page.get_textpage()
    try:
        return joined_lines([Line(text, view.box(edges)) for text, edges in _runs(textpage)])
    finally:
        textpage.close()


def _runs(textpage: Any) -> Iterator[tuple[str, list[float]]]:
    """Texts without a break or a wide gap, each with its edges in pdfium's coordinates.

    Taken from single characters: pdfium's text of a rectangle loses those at its edges.
    """
    import pypdfium2.raw as pdfium

    text, edges = "", list[float]()
    edge = [c_double() for _ in range(4)]
    for index in range(min(textpage.count_chars(), _MOST_CHARACTERS)):
        code = pdfium.FPDFText_GetUnicode(textpage, index)
        if code in _SPACES:
            text += " " if text else ""
            continue
        left, right, bottom, top = edge
        known = pdfium.FPDFText_GetCharBox(textpage, index, left, right, bottom, top)
        box = [left.value, bottom.value, right.value, top.value]
        printed = code >= ord(" ") and known
        if edges and (code in _BREAKS or (printed and _apart(edges, box))):
            yield text.rstrip(), edges
            text, edges = "", []
        if printed:
            text += chr(code)
            edges = _around(edges, box)
    if edges:
        yield text.rstrip(), edges


def _apart(edges: Sequence[float], box: Sequence[float]) -> bool:
    size = max(min(edges[2] - edges[0], edges[3] - edges[1]), box[3] - box[1], 4.0)
    across = max(box[0] - edges[2], edges[0] - box[2])
    down = max(box[1] - edges[3], edges[1] - box[3])
    return max(across, down) > 1.2 * size


def _around(edges: Sequence[float], box: Sequence[float]) -> list[float]:
    if not edges:
        return list(box)
    return [
        min(edges[0], box[0]),
        min(edges[1], box[1]),
        max(edges[2], box[2]),
        max(edges[3], box[3]),
    ]
