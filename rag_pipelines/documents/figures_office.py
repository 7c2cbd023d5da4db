"""Pictures embedded in Word files and slides, with what their authors said of them.

Runs in the worker. Knows python-docx and python-pptx; drawings made of shapes are not pictures.
"""
# python-docx and python-pptx are typed in part only.
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false

import io
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.figures_lines import is_caption
from rag_pipelines.documents.pdf_pages import png_of

if TYPE_CHECKING:
    from PIL.Image import Image

_SMALLEST_PIXELS = 48
_LONGEST_SIDE = 1_600
_MOST_PIXELS = 40_000_000
_MOST_PICTURES = 500
_DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}embed"

Found = tuple[bytes, str, int | None]
"""A picture's bytes as they are in the file, its caption, and its page."""


def office_figures(path: Path) -> dict[str, Any]:
    """As `figures_pdf.pdf_figures`, for .docx (no pages) and .pptx (a slide is a page).

    The caption is the printed one where a paragraph beside the picture begins as captions do,
    else the alternative text. Raises `DocumentFailure` where the file cannot be opened.
    """
    reader = _READERS[path.suffix]
    figures: list[dict[str, Any]] = []
    try:
        for data, caption, page in reader(path):
            png = _png(data)
            if png and len(figures) < _MOST_PICTURES:
                encoded = b64encode(png).decode()
                place = {"page": page, "box": None, "raster": True}
                figures.append({**place, "png": encoded, "caption": caption, "text": ""})
    except (KeyError, ValueError, OSError, AttributeError) as error:
        raise DocumentFailure("damaged", f"its pictures cannot be read ({error})") from None
    return {"figures": figures, "failed": {}}


def _of_word(path: Path) -> Iterator[Found]:
    from docx import Document

    document = Document(str(path))
    paragraphs = list(document.element.body.iter(f"{_WORD}p"))
    for index, paragraph in enumerate(paragraphs):
        for blip in paragraph.iter(f"{_DRAWING}blip"):
            part = document.part.related_parts.get(blip.get(_RELATION, ""))
            if part is not None:
                beside = paragraphs[index + 1 : index + 2] + paragraphs[max(0, index - 1) : index]
                printed = _printed(_text(one) for one in (paragraph, *beside))
                yield part.blob, printed or _described(paragraph), None


def _of_slides(path: Path) -> Iterator[Found]:
    from pptx import Presentation

    for number, slide in enumerate(Presentation(str(path)).slides, start=1):
        printed = _printed(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame)
        for shape in _pictures(slide.shapes):
            told = shape._element.nvPicPr.cNvPr.get("descr") or ""
            yield shape.image.blob, printed or _said(told), number


_READERS: dict[str, Callable[[Path], Iterator[Found]]] = {".docx": _of_word, ".pptx": _of_slides}


def _pictures(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    from pptx.enum.shapes import MSO_SHAPE_TYPE

    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP and depth < 8:
            yield from _pictures(shape.shapes, depth + 1)
        elif hasattr(shape, "image"):
            yield shape


def _text(paragraph: Any) -> str:
    return "".join(text.text or "" for text in paragraph.iter(f"{_WORD}t")).strip()


def _described(paragraph: Any) -> str:
    """The alternative text that stands on the drawing."""
    for element in paragraph.iter():
        if str(element.tag).endswith("}docPr") and (told := element.get("descr")):
            return _said(told)
    return ""


def _said(alternative: str) -> str:
    """The alternative text, unless a program left a file name there."""
    text = " ".join(alternative.split())
    a_file = text.lower().endswith((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff"))
    return "" if a_file else text


def _printed(texts: Iterable[str]) -> str:
    return next((" ".join(text.split()) for text in texts if is_caption(text)), "")


def _png(data: bytes) -> bytes:
    """The picture as PNG, or nothing for icons and for formats that Pillow does not read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            if min(image.size) < _SMALLEST_PIXELS or image.width * image.height > _MOST_PIXELS:
                return b""
            image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
            return png_of(_on_white(image))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        return b""


def _on_white(image: "Image") -> "Image":
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    paper = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(paper, clear).convert("RGB")
