"""Drawn pages are read in the order of a reader, with headings, lists, and what runs along."""

from pathlib import Path

import pikepdf
import pytest

from rag_pipelines.documents.checks import misplaced
from rag_pipelines.documents.elements import read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.documents.partition_pdf import partition_pdf
from rag_pipelines.documents.raw import RawElement
from rag_pipelines.documents.running import headings_above, with_running_marked
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.drawn_pdf import HEIGHT, WIDTH, Sheet, write_pdf

LEFT = [
    "The reservoir behind the old dam",
    "holds the winter rain of four of",
    "the north.",
    "Its water is cold in each month,",
    "and nobody has ever swum across.",
    "The valley below it was farmland",
    "until the year in which the dam",
    "broke and flooded all that lived.",
]
RIGHT = [
    "Three large turbines stand below",
    "the dam, and each one of them was",
    "built in the year after the war,",
    "by them.",
    "They are opened once in ten years",
    "and cleaned by the people of the",
    "village, who are paid with power",
    "for their houses and workshops.",
]
PROSE = ["The survey covers four ponds of the valley, and each", "of them was sampled in spring."]


def paragraph(sheet: Sheet, x: float, y: float, lines: list[str]) -> None:
    for number, line in enumerate(lines):
        sheet.text(x, y + 12 * number, line, 9)


def elements(path: Path) -> list[RawElement]:
    return with_running_marked(partition_pdf(path, 100)["elements"])


def texts(path: Path) -> list[str]:
    return [element["text"] for element in elements(path) if element["text"]]


@pytest.mark.parametrize("by_row", [True, False])
def test_two_columns_are_read_one_after_the_other(tmp_path: Path, by_row: bool):
    """Also where a program wrote them row by row, with paragraphs that end before the others."""
    sheet = Sheet()
    sheet.text(60, 100, "A heading over both of the columns", 16)
    rows = list(enumerate(zip(LEFT, RIGHT, strict=True)))
    if by_row:
        for number, row in rows:
            for x, line in zip((60, 320), row, strict=True):
                sheet.text(x, 140 + 12 * number, line, 9)
    else:
        paragraph(sheet, 60, 140, LEFT)
        paragraph(sheet, 320, 140, RIGHT)
    sheet.text(60, 260, "What stands below the columns runs over both of them and comes last.", 9)
    first, *found, last = texts(write_pdf(tmp_path / "two.pdf", sheet))
    assert (first[:9], last[-5:]) == ("A heading", "last.")
    assert " ".join(found) == " ".join([*LEFT, *RIGHT])


def test_words_broken_at_a_lines_end_are_mended_unless_their_hyphen_is_meant(tmp_path: Path):
    sheet = Sheet()
    lines = ["The winter rain of four valleys is held by the reser-", "voir, which is a well-"]
    paragraph(sheet, 60, 100, [*lines, "known place of the north."])
    paragraph(sheet, 60, 200, ["A well-known inn stands above it."])
    first, _ = texts(write_pdf(tmp_path / "broken.pdf", sheet))
    assert "held by the reservoir, which is a well-known place" in first


def test_lines_at_the_edge_of_page_after_page_are_headers_and_footers(tmp_path: Path):
    sheets = [Sheet() for _ in range(4)]
    for number, sheet in enumerate(sheets, 1):
        sheet.text(60, 40, "Valley office, annual report")
        paragraph(sheet, 60, 300, [f"Page {number} tells of the pond with the number {number}."])
        sheet.text(60, 800, f"Page {number} of 4")
    found = elements(write_pdf(tmp_path / "running.pdf", *sheets))
    kinds = [element["kind"] for element in found]
    assert kinds == ["Header", "NarrativeText", "Footer", "PageBreak"] * 4


def test_a_line_at_the_edge_of_one_page_only_is_text(tmp_path: Path):
    sheets = [Sheet(), Sheet()]
    sheets[0].text(60, 40, "This paragraph begins at the top of the page.")
    sheets[1].text(60, 40, "And this is another one on the second page.")
    found = elements(write_pdf(tmp_path / "top.pdf", *sheets))
    assert [e["kind"] for e in found if e["text"]] == ["NarrativeText", "NarrativeText"]


def test_headings_are_larger_and_their_levels_follow_size_and_number(tmp_path: Path):
    sheet = Sheet()
    sheet.text(60, 100, "Pond survey", 18)
    paragraph(sheet, 60, 130, PROSE)
    sheet.text(60, 200, "Results of spring", 13)
    paragraph(sheet, 60, 230, PROSE)
    sheet.text(60, 300, "- the first of the items", 9)
    sheet.text(60, 312, "- the second of the items", 9)
    found = elements(write_pdf(tmp_path / "headings.pdf", sheet))
    assert [(e["kind"], e.get("depth")) for e in found[:-1]] == [
        ("Title", 0),
        ("NarrativeText", None),
        ("Title", 1),
        ("NarrativeText", None),
        ("ListItem", None),
        ("ListItem", None),
    ]
    assert list(headings_above(found))[:6] == [None, 0, 0, 2, 2, 2]


def test_pages_are_numbered_and_one_without_text_is_known(tmp_path: Path):
    sheets = [Sheet(), Sheet(), Sheet()]
    sheets[0].text(60, 300, "The first page of all says this.")
    sheets[2].text(60, 300, "The third page of all says that.")
    found = elements(write_pdf(tmp_path / "pages.pdf", *sheets))
    ends = [element["page"] for element in found if element["kind"] == "PageBreak"]
    assert ends == [1, 2, 3]
    assert [element["page"] for element in found if element["text"]] == [1, 3]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_what_lies_beside_the_page_is_not_read_and_no_box_reaches_over_it(
    tmp_path: Path, rotate: int
):
    """Printers' marks, of which the page's own crop leaves nothing to see."""
    sheet = Sheet()
    sheet.text(60, 30, "proof 7 of 4 May, cyan magenta yellow black")
    paragraph(sheet, 60, 300, PROSE)
    sheet.text(150, 110, "A line whose letters are cut by the upper edge of the page", 9)
    path = write_pdf(tmp_path / "marks.pdf", sheet)
    with pikepdf.open(path, allow_overwriting_input=True) as file:
        file.pages[0].cropbox = (62, 60, WIDTH - 60, HEIGHT - 106)
        file.pages[0].rotate(rotate, relative=False)
        file.save(path)
    blobs = Blobs(str(tmp_path / "blobs"))
    read = read_elements([file_at("x", "file:marks.pdf", path, 1 << 20, blobs)], blobs)
    said = " ".join(element.text for element in read.elements)
    assert "sampled in spring" in said
    assert "proof" not in said
    assert list(misplaced(read.elements)) == []


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_a_page_whose_lines_run_aside_is_read_as_if_it_were_turned(tmp_path: Path, rotate: int):
    """As a wide sheet is printed on a tall page; boxes stay those of the page as it is shown."""
    sheet = Sheet()
    sheet.text(60, 100, "Pond survey", 18)
    paragraph(sheet, 60, 130, PROSE)
    upright = elements(write_pdf(tmp_path / "aside.pdf", sheet))
    path = tmp_path / "aside.pdf"
    with pikepdf.open(path, allow_overwriting_input=True) as file:
        file.pages[0].rotate(rotate, relative=False)
        file.save(path)
    found = elements(path)
    assert [(e["kind"], e["text"]) for e in found] == [(e["kind"], e["text"]) for e in upright]
    wide = rotate != 180
    assert found[0]["page_width"] == (HEIGHT if wide else WIDTH)
    left, top, right, bottom = upright[0]["box"] or []
    assert found[0]["box"] == pytest.approx(
        {
            90: [HEIGHT - bottom, left, HEIGHT - top, right],
            180: [WIDTH - right, HEIGHT - bottom, WIDTH - left, HEIGHT - top],
            270: [top, WIDTH - right, bottom, WIDTH - left],
        }[rotate],
        abs=0.1,
    )


@pytest.mark.parametrize("matrix", [f"0 1 -1 0 {WIDTH} 0", f"0 -1 1 0 0 {HEIGHT}"])
def test_lines_that_are_drawn_up_or_down_a_page_are_read_and_have_their_box(
    tmp_path: Path, matrix: str
):
    sheet = Sheet([f"{matrix} cm"])
    sheet.text(260, 300, "Pond survey", 18)
    paragraph(sheet, 260, 330, PROSE)
    title, prose, _ = elements(write_pdf(tmp_path / "drawn.pdf", sheet))
    assert (title["kind"], title["text"]) == ("Title", "Pond survey")
    assert (prose["kind"], prose["text"]) == ("NarrativeText", " ".join(PROSE))
    assert (prose["page_width"], prose["page_height"]) == (WIDTH, HEIGHT)
    left, top, right, bottom = prose["box"] or []
    assert right - left == pytest.approx(21.5, abs=0.5)
    assert bottom - top == pytest.approx(280.8, abs=0.5)
    begins = HEIGHT - 260 if matrix.startswith("0 1") else 260
    assert begins == pytest.approx(bottom if matrix.startswith("0 1") else top, abs=0.5)


def test_letters_too_small_to_be_seen_do_not_cost_the_page(tmp_path: Path):
    sheet = Sheet()
    paragraph(sheet, 60, 100, PROSE)
    for number in range(3):
        sheet.text(60, 300 + number, "nobody sees this", 0.01)
    assert texts(write_pdf(tmp_path / "small.pdf", sheet)) == [" ".join(PROSE)]
