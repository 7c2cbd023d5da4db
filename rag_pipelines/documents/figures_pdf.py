"""Pictures of a PDF's pages: embedded images and vector drawings. Runs in the worker.

Knows what pdfium says is drawn on a page. Which of it is a picture is decided in
`figures_regions`, which line is its caption in `figures_lines`.
"""
# pypdfium2 ships no types.
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.figures_lines import Line, caption_of, joined_lines, text_inside
from rag_pipelines.documents.figures_regions import Region, Shape, picture_regions
from rag_pipelines.documents.pdf_pages import View, opened, page_of, painted, png_of

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_SCALE = 2.0
_LONGEST_SIDE = 1_600.0
_MOST_SHAPES = 20_000
_MOST_ON_A_PAGE = 40
_DEEPEST = 6
_WHITE = 250


def pdf_figures(
    path: Path, pages: Sequence[int], tables: Mapping[str, Sequence[list[float]]]
) -> dict[str, Any]:
    """The pictures on those pages: `{"figures": […], "failed": {page: problem}}`.

    A figure is `page`, `box`, `png` in base64, `caption`, `text` (the text layer inside) and
    `raster`, whether it is an image rather than a drawing. `tables` are boxes by page.
    """
    found: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    with opened(path) as document:
        for number in pages:
            try:
                with page_of(document, number) as page:
                    for figure in _of_page(page, tables.get(str(number), ())):
                        found.append({"page": number, **figure})
            except DocumentFailure as failure:
                failed[str(number)] = str(failure)
    return {"figures": found, "failed": failed}


def _of_page(page: "PdfPage", tables: Sequence[list[float]]) -> Iterator[dict[str, Any]]:
    view = View.of(page)
    shapes = list(islice(_shapes(page, view), _MOST_SHAPES))
    if not shapes:
        return
    lines = _lines(page, view)
    regions = picture_regions(shapes, view.width, view.height, lines, tables)
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
        runs: list[Line] = []
        for index in range(textpage.count_rects()):
            bounds = textpage.get_rect(index)
            text = " ".join(textpage.get_text_bounded(*bounds).split())
            if text:
                runs.append(Line(text, view.box(bounds)))
        return joined_lines(runs)
    finally:
        textpage.close()
