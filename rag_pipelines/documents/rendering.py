"""Pages and pictures to look at: a page with a box marked on it, and thumbnails.

PDFs are hostile, so that pages are painted in the worker; `page_png` is what is called there.
"""

import io
from base64 import b64decode, b64encode
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.pdf_pages import View, opened, page_of, painted, png_of
from rag_pipelines.documents.worker import DocumentWorker

if TYPE_CHECKING:
    from PIL.Image import Image

SCALE = 1.5
"""Pixels for a point: 108 dots an inch."""
_LARGEST_SCALE = 4.0
_FILL = (255, 214, 0, 70)
_EDGE = (214, 120, 0, 255)
_MARGIN = 3.0
_THUMBNAIL = 240
_MOST_PIXELS = 40_000_000
_TASK = "rag_pipelines.documents.rendering:page_png"


def render_page(
    pdf: bytes | Path,
    page: int,
    box: Sequence[float] | None = None,
    scale: float = SCALE,
    worker: DocumentWorker | None = None,
) -> bytes:
    """The page, from 1, as PNG; the box, as `Element.box`, is marked on it.

    `scale` is pixels a point, less where the page would exceed 12 million pixels. A service that
    paints many pages passes a worker that lives on; otherwise one is started for this page.

    Raises `DocumentFailure` where the file is no PDF, has no such page, or takes too much.
    """
    if worker is None:
        with DocumentWorker(cpu_seconds=30, wall_seconds=60) as own:
            return render_page(pdf, page, box, scale, own)
    arguments = {"page": page, "box": None if box is None else list(box), "scale": scale}
    if isinstance(pdf, Path):
        return b64decode(worker.run(_TASK, pdf, **arguments))
    with NamedTemporaryFile(prefix="rag-page-", suffix=".pdf") as file:
        file.write(pdf)
        file.flush()
        return b64decode(worker.run(_TASK, Path(file.name), **arguments))


def page_png(path: Path, page: int, box: list[float] | None, scale: float) -> str:
    """Runs in the worker: the page as PNG in base64. Raises `DocumentFailure`."""
    if not 0 < scale <= _LARGEST_SCALE:
        raise DocumentFailure(
            "error", f"scale {scale:g} asked for; 0 to {_LARGEST_SCALE:g} allowed"
        )
    with opened(path) as document, page_of(document, page) as shown:
        view = View.of(shown)
        image = painted(shown, None, scale)
        if box is not None and all(map(isfinite, box)):
            image = _marked(image, _pixels(box, image.width / view.width))
    return b64encode(png_of(image)).decode()


def thumbnail(png: bytes, side: int = _THUMBNAIL) -> bytes:
    """A picture of ours as a PNG of at most `side` pixels each way.

    Raises `DocumentFailure` where it is none.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise DocumentFailure("too large", f"{image.width} by {image.height} pixels")
            small = image.convert("RGB")
            small.thumbnail((side, side))
            return png_of(small)
    except (OSError, SyntaxError, ValueError) as error:
        raise DocumentFailure("damaged", f"the picture cannot be read ({error})") from None


def _pixels(box: Sequence[float], scale: float) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return (
        (min(left, right) - _MARGIN) * scale,
        (min(top, bottom) - _MARGIN) * scale,
        (max(left, right) + _MARGIN) * scale,
        (max(top, bottom) + _MARGIN) * scale,
    )


def _marked(image: "Image", box: tuple[float, float, float, float]) -> "Image":
    """The image with a translucent box on it; what lies outside the page is cut off."""
    from PIL import Image, ImageDraw

    inside = (
        max(0.0, box[0]),
        max(0.0, box[1]),
        min(image.width - 1.0, box[2]),
        min(image.height - 1.0, box[3]),
    )
    if not (inside[0] < inside[2] and inside[1] < inside[3]):
        return image
    glass = Image.new("RGBA", image.size, (0, 0, 0, 0))
    width = max(1, round(image.width / 500))
    ImageDraw.Draw(glass).rectangle(inside, fill=_FILL, outline=_EDGE, width=width)
    return Image.alpha_composite(image.convert("RGBA"), glass).convert("RGB")
