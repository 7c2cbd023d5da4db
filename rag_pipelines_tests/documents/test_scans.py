"""Pages that are pictures are read by recognition, and by nothing where that is switched off."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.records import Element
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf
from rag_pipelines_tests.documents.scanned_pdf import joined, scan, stamped

TYPED = "The first page of the report was typed and says so itself."
STAMP = "Downloaded from the archive of the valley on 4 May"
SCANNED = ["The spare key hangs in shed 17", "Ask Anna Berg before noon"]

Of = Callable[[str], list[Element]]


def typed(path: Path, text: str) -> Path:
    sheet = Sheet()
    sheet.text(60, 800, text)
    return write_pdf(path, sheet)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scans")
    one = scan(folder / "one", SCANNED)
    return [
        joined(folder / "mixed.pdf", typed(folder / "first", TYPED), one),
        stamped(folder / "stamped.pdf", one, typed(folder / "stamp", STAMP)),
        stamped(folder / "photo.pdf", scan(folder / "bare", []), typed(folder / "note", STAMP)),
    ]


def read(files: list[Path], folder: Path, ocr: str) -> ReadDocuments:
    blobs = Blobs(str(folder / "blobs"))
    found = [file_at("scans", f"file:{path.name}", path, 1 << 24, blobs) for path in files]
    settings = Documents.model_validate({"paths": ["*"], "ocr": ocr})
    return read_elements(found, blobs, settings=settings)


@pytest.fixture(scope="module")
def recognised(files: list[Path]) -> ReadDocuments:
    return read(files, files[0].parent, "auto")


@pytest.fixture(scope="module")
def left_out(files: list[Path]) -> ReadDocuments:
    return read(files, files[0].parent, "never")


def told(read: ReadDocuments, name: str) -> list[tuple[int | None, str, str]]:
    return [
        (element.page, element.extractor, element.text)
        for element in read.elements
        if element.url == f"file:{name}" and element.kind != "PageBreak"
    ]


def words(told: list[tuple[int | None, str, str]]) -> str:
    return " ".join(text for _, _, text in told)


def test_a_scan_after_a_typed_page_is_read_and_says_by_what(recognised: ReadDocuments):
    first, *scanned = told(recognised, "mixed.pdf")
    assert first == (1, "pdfium", TYPED)
    assert {(page, extractor) for page, extractor, _ in scanned} == {(2, "rapidocr")}
    assert words(scanned) == " ".join(SCANNED)


def test_recognised_text_has_its_place_on_the_page(recognised: ReadDocuments):
    (shed, *_) = [element for element in recognised.elements if "shed 17" in element.text]
    assert shed.box is not None
    left, top, right, _ = shed.box
    assert (left, top) == (pytest.approx(120 * 72 / 150, abs=8), pytest.approx(144, abs=12))
    assert right < shed.page_width == pytest.approx(595.2, abs=1)


def test_a_scan_with_a_line_stamped_on_it_is_read_whole(recognised: ReadDocuments):
    found = told(recognised, "stamped.pdf")
    assert {extractor for _, extractor, _ in found} == {"rapidocr"}
    assert all(line in words(found) for line in SCANNED)


def test_a_picture_without_text_leaves_what_the_file_says(recognised: ReadDocuments):
    assert told(recognised, "photo.pdf") == [(1, "pdfium", STAMP)]


def test_recognition_that_is_switched_off_leaves_a_note_on_the_page(left_out: ReadDocuments):
    assert told(left_out, "mixed.pdf") == [(1, "pdfium", TYPED)]
    assert told(left_out, "stamped.pdf") == [(1, "pdfium", STAMP)]
    notes = {
        (element.url, element.page): element.note
        for element in left_out.elements
        if element.kind == "PageBreak"
    }
    assert notes["file:mixed.pdf", 1] == ""
    assert "ocr is never" in notes["file:mixed.pdf", 2]
    assert "ocr is never" in notes["file:stamped.pdf", 1]


def test_a_page_left_out_is_read_once_recognition_is_switched_on(
    files: list[Path], left_out: ReadDocuments, tmp_path: Path
):
    blobs = Blobs(str(tmp_path))
    (file,) = [file_at("scans", f"file:{p.name}", p, 1 << 24, blobs) for p in files[:1]]
    before = [element for element in left_out.elements if element.url == file.url]
    again = read_elements([file], blobs, before)
    assert (again.parsed, words(told(again, file.name)[1:])) == (1, " ".join(SCANNED))
    settled = read_elements([file], blobs, again.elements)
    assert (settled.parsed, settled.elements) == (0, again.elements)
