"""Text in pictures, by rapidocr's bundled models. Runs in the worker.

Knows pixels. Which picture is worth reading, and where its text stands on a page, is the
caller's business.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents.failures import DocumentFailure

if TYPE_CHECKING:
    from PIL.Image import Image

MINIMUM_SCORE = 0.6
_ONE_THREAD = {
    "Global.log_level": "critical",
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


def lines_in_picture(path: Path, minimum_score: float = MINIMUM_SCORE) -> list[dict[str, Any]]:
    """The lines of text in an image file, as `picture_lines`.

    Raises `DocumentFailure` where the file is no picture that can be read.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return picture_lines(image.convert("RGB"), minimum_score)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DocumentFailure("damaged", f"the picture cannot be read ({error})") from None


def picture_lines(image: "Image", minimum_score: float = MINIMUM_SCORE) -> list[dict[str, Any]]:
    """Lines of text, top to bottom: `text`, `score` (0 to 1) and `box` in pixels.

    1 to 2 CPU seconds a picture, and 1 more for the first.
    """
    import numpy as np

    read = _engine()(np.asarray(image.convert("RGB"))[:, :, ::-1])
    if read.txts is None or read.boxes is None:
        return []
    found = zip(read.txts, read.scores, read.boxes.tolist(), strict=True)
    return [
        {"text": text.strip(), "score": round(float(score), 3), "box": _box(corners)}
        for text, score, corners in found
        if text.strip() and score >= minimum_score
    ]


def _box(corners: list[list[float]]) -> list[float]:
    across, down = [x for x, _ in corners], [y for _, y in corners]
    return [min(across), min(down), max(across), max(down)]


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params=_ONE_THREAD)
