"""A cited box is marked where the words stand, however the page is turned or cropped."""

import io
from base64 import b64decode
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from PIL import Image

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.partition_pdf import partition_pdf
from rag_pipelines.documents.rendering import page_png, render_page, thumbnail
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf

SAID = "Three turbines stand below the dam of the valley"
MARGIN = 3.0
SCALE = 2.0


def page(folder: Path, rotate: int = 0, crop: tuple[int, int, int, int] | None = None) -> Path:
    """A page that says one line, turned and cropped."""
    sheet = Sheet()
    sheet.text(150, 300, SAID, 9)
    path = write_pdf(folder / "drawn.pdf", sheet)
    with pikepdf.open(path, allow_overwriting_input=True) as file:
        file.pages[0].rotate(rotate, relative=False)
        if crop:
            file.pages[0].cropbox = crop
        file.save(path)
    return path


def pixels(path: Path, box: list[float] | None = None, scale: float = SCALE) -> np.ndarray:
    with Image.open(io.BytesIO(b64decode(page_png(path, 1, box, scale)))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def around(where: np.ndarray) -> list[float]:
    """The box around the pixels that are told, in points."""
    down, across = np.nonzero(where)
    edges = (across.min(), down.min(), across.max() + 1, down.max() + 1)
    return [float(edge) / SCALE for edge in edges]


@pytest.mark.parametrize("crop", [None, (100, 400, 500, 700), (50, 500, 480, 842)])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_box_of_a_line_is_where_its_letters_are_painted(
    tmp_path: Path, rotate: int, crop: tuple[int, int, int, int] | None
):
    path = page(tmp_path, rotate, crop)
    line, *_ = partition_pdf(path, 10)["elements"]
    box = line.get("box")
    assert (line.get("text"), box is not None) == (SAID, True)
    assert box
    plain, marked = pixels(path), pixels(path, box)
    size = [round(line.get(side, 0.0) * SCALE) for side in ("page_height", "page_width")]
    assert list(plain.shape[:2]) == pytest.approx(size, abs=1)
    letters = around(plain.sum(axis=2) < 600)
    assert all(letters[at] >= box[at] - 1 for at in (0, 1))
    assert all(letters[at] <= box[at] + 1 for at in (2, 3))
    changed = around((plain != marked).any(axis=2))
    wanted = [box[0] - MARGIN, box[1] - MARGIN, box[2] + MARGIN, box[3] + MARGIN]
    assert changed == pytest.approx(wanted, abs=1)


def test_only_the_box_is_marked_and_the_letters_under_it_stay_legible(tmp_path: Path):
    path, box = page(tmp_path), [100.0, 200.0, 300.0, 320.0]
    plain, marked = pixels(path), pixels(path, box)
    inside = np.zeros(plain.shape[:2], bool)
    left, top, right, bottom = (round(edge * SCALE) for edge in (97, 197, 303, 323))
    inside[top : bottom + 1, left : right + 1] = True
    assert (plain[~inside] == marked[~inside]).all()
    assert (plain[inside] != marked[inside]).any(axis=1).mean() > 0.95
    edge, middle, paper = marked[top, left + 40], marked[top + 40, left + 40], plain[0, 0]
    assert tuple(edge) == (214, 120, 0)
    assert tuple(paper) == (255, 255, 255)
    assert middle.sum() > 550 > edge.sum()
    dark = (plain.sum(axis=2) < 200) & inside
    assert dark.any()
    assert marked[dark].sum(axis=1).max() < marked[top + 40, left + 40].sum() / 1.5


@pytest.mark.parametrize(
    "box",
    [
        [-50.0, -50.0, -20.0, -20.0],
        [9000.0, 10.0, 9900.0, 20.0],
        [float("nan"), 1.0, 2.0, 3.0],
        [1.0, 2.0, 3.0, float("inf")],
    ],
)
def test_a_box_that_is_not_on_the_page_marks_nothing(tmp_path: Path, box: list[float]):
    path = page(tmp_path)
    assert (pixels(path, box) == pixels(path)).all()


def test_a_box_that_reaches_over_the_edge_or_is_told_backwards_is_marked(tmp_path: Path):
    path = page(tmp_path)
    plain = pixels(path)
    over = around((plain != pixels(path, [500.0, 700.0, 2000.0, 2000.0])).any(axis=2))
    assert over == pytest.approx([497, 697, 595, 842], abs=1)
    backwards = pixels(path, [300.0, 320.0, 100.0, 200.0])
    assert (backwards == pixels(path, [100.0, 200.0, 300.0, 320.0])).all()


def test_a_box_is_in_points_whatever_the_scale(tmp_path: Path):
    path, box = page(tmp_path), [100.0, 200.0, 300.0, 320.0]
    small = (pixels(path, None, 0.5) != pixels(path, box, 0.5)).any(axis=2)
    down, across = np.nonzero(small)
    edges = [across.min(), down.min(), across.max(), down.max()]
    assert edges == pytest.approx([48.5, 98.5, 151.5, 161.5], abs=1)


def test_a_page_or_a_scale_that_there_is_not_is_told(tmp_path: Path):
    path = page(tmp_path)
    for number in (0, 2, -1):
        with pytest.raises(DocumentFailure, match=f"page {number} asked for; the file has 1"):
            page_png(path, number, None, 1.0)
    with pytest.raises(DocumentFailure, match="scale 9 asked for"):
        page_png(path, 1, None, 9.0)


def test_a_page_is_painted_in_a_process_of_its_own(tmp_path: Path):
    path = page(tmp_path)
    png = render_page(path.read_bytes(), 1, [1.0, 2.0, 30.0, 40.0])
    assert png == b64decode(page_png(path, 1, [1.0, 2.0, 30.0, 40.0], 1.5))
    with pytest.raises(DocumentFailure, match="damaged"):
        render_page(b"no PDF at all", 1)


def test_a_thumbnail_keeps_its_shape_and_is_made_of_pictures_only(tmp_path: Path):
    small = thumbnail(b64decode(page_png(page(tmp_path), 1, None, 1.0)), 100)
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (71, 100)
    with pytest.raises(DocumentFailure, match="damaged"):
        thumbnail(b"no picture")
