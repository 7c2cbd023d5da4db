"""Tables of documents: found, joined over pages, described, kept, and clean."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag_pipelines.cli.app import app
from rag_pipelines.documents.tables import read_tables
from rag_pipelines.records import DocumentTable, Element
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf

HEADING = ["Region", "Staff", "Budget (EUR)"]
ROWS = [["North", "12", "1,200"], ["South", "9", "900"], ["East", "31", "12,450"]]
COLUMNS = [72.0, 200.0, 300.0, 420.0]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


def document(blobs: Blobs, path: Path, **fields: str) -> list[Element]:
    """What reading the file's elements ends with, whatever else is in it."""
    element = Element(
        id=path.name,
        source="reports",
        document=blobs.put(path.read_bytes()),
        url=f"file:{path.name}",
        title=path.stem,
        media_type="application/pdf",
        kind="PageBreak",
        text="",
        position=0,
    )
    return [replace(element, **fields)]


def report() -> Sheet:
    sheet = Sheet()
    sheet.text(72, 200, "Table 1. Staff and budget by region")
    sheet.ruled(COLUMNS, 210, [HEADING, *ROWS])
    return sheet


def test_a_ruled_table_has_rows_caption_place_and_summary(blobs: Blobs, tmp_path: Path):
    path = write_pdf(tmp_path / "report.pdf", Sheet(), report())
    [table] = read_tables(document(blobs, path), blobs)
    assert table.rows == [HEADING, *ROWS]
    assert (table.headers, table.page, table.pages) == (1, 2, [2])
    assert table.caption == "Table 1. Staff and budget by region"
    assert table.box == pytest.approx([72, 210, 420, 274], abs=1)
    assert "Columns: Region, Staff, Budget (EUR)." in table.summary
    assert "Staff: from 9 to 31." in table.summary
    assert "Budget (EUR): from 900 to 12,450." in table.summary
    assert table.html.startswith("<table><caption>Table 1.")
    assert table.html.count("<th>") == 3


def long_table() -> list[Sheet]:
    """A table over three pages with its heading again on each, between running heads."""
    sheets: list[Sheet] = []
    for number in range(3):
        sheet = Sheet()
        sheet.text(72, 40, "Annual report")
        sheet.text(300, 815, str(number + 1))
        rows = [[f"Town {number}-{row}", str(row), f"{row},000"] for row in range(1, 41)]
        sheet.ruled(COLUMNS, 90, [HEADING, *(rows if number < 2 else rows[:3])])
        sheets.append(sheet)
    return sheets


def test_a_table_over_page_breaks_is_one_table_with_one_heading(blobs: Blobs, tmp_path: Path):
    path = write_pdf(tmp_path / "long.pdf", *long_table())
    [table] = read_tables(document(blobs, path), blobs)
    assert table.pages == [1, 2, 3]
    assert len(table.rows) == 1 + 40 + 40 + 3
    assert sum(row == HEADING for row in table.rows) == 1
    assert table.rows[-1][0] == "Town 2-3"


def test_text_between_two_tables_keeps_them_apart(blobs: Blobs, tmp_path: Path):
    sheets = long_table()
    sheets[1].text(72, 762, "The table ends here, and this is what the authors make of it.")
    found = read_tables(document(blobs, write_pdf(tmp_path / "two.pdf", *sheets)), blobs)
    assert [table.pages for table in found] == [[1, 2], [3]]


def test_an_unchanged_document_is_taken_over_and_moves_with_its_url(blobs: Blobs, tmp_path: Path):
    elements = document(blobs, write_pdf(tmp_path / "report.pdf", report()))
    first = read_tables(elements, blobs)
    gone = Blobs(str(tmp_path / "empty"))
    assert read_tables(elements, gone, first) == first
    [moved] = read_tables([replace(elements[0], url="file:new.pdf", title="New")], gone, first)
    assert (moved.url, moved.title, moved.rows) == ("file:new.pdf", "New", first[0].rows)
    assert moved.id != first[0].id
    with pytest.raises(FileNotFoundError):
        read_tables(elements, gone, [replace(first[0], id="of another version")])


def test_a_table_without_a_frame_is_taken_over_too(blobs: Blobs, tmp_path: Path):
    sheet = Sheet()
    for y in (100, 116, 180):
        sheet.line(72, y, 400, y)
    sheet.columns([72, 240, 330], 112, [HEADING, *ROWS])
    elements = document(blobs, write_pdf(tmp_path / "open.pdf", sheet))
    first = read_tables(elements, blobs)
    assert [table.engine for table in first] == ["open"]
    assert read_tables(elements, Blobs(str(tmp_path / "empty")), first) == first


def test_a_document_without_tables_is_known_and_a_broken_one_says_why(blobs: Blobs, tmp_path: Path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    broken = document(blobs, tmp_path / "broken.pdf")
    empty = document(blobs, write_pdf(tmp_path / "empty.pdf", Sheet()))
    found = read_tables([*broken, *empty], blobs)
    assert [table.html for table in found] == ["", ""]
    assert found[0].problem.startswith("damaged: ")
    assert not found[1].problem
    assert read_tables([*broken, *empty], Blobs(str(tmp_path / "gone")), found) == found


def told(html: str, **fields: str) -> Element:
    element = Element(
        id="e",
        source="reports",
        document="0" * 64,
        url="file:deck.pptx",
        title="Deck",
        media_type="application/vnd.openxmlformats-officedocument.presentationml.presentation",
        kind="Table",
        text="",
        position=0,
        page=3,
        html=html,
    )
    return replace(element, **fields)


def only(blobs: Blobs, element: Element) -> DocumentTable:
    [table] = read_tables([element], blobs)
    return table


def test_html_that_a_file_tells_is_cleaned_and_keeps_its_spans(blobs: Blobs):
    table = only(
        blobs,
        told(
            "<table onload=x><caption>Sizes</caption><tr><th rowspan='2'>Name</th>"
            "<th colspan=2>Size<script>steal()</script></th></tr><tr><th>w</th><th>h</th></tr>"
            "<tr><td><a href='javascript:x'>A &amp; <b>B</b></a></td><td>1</td>"
            "<td>&lt;img src=x onerror=y&gt;</td></tr></table>"
        ),
    )
    assert table.html == (
        "<table><caption>Sizes</caption><thead>"
        '<tr><th rowspan="2">Name</th><th colspan="2">Size</th></tr>'
        "<tr><th>w</th><th>h</th></tr></thead>"
        "<tbody><tr><td>A &amp; B</td><td>1</td><td>&lt;img src=x onerror=y&gt;</td></tr></tbody>"
        "</table>"
    )
    assert table.rows[1] == ["Name", "w", "h"]
    assert (table.page, table.pages, table.headers) == (3, [3], 2)


def test_spans_beyond_reason_do_not_fill_the_memory(blobs: Blobs):
    table = only(
        blobs,
        told(
            "<table><tr><td colspan=999999>a</td><td>b</td></tr>"
            "<tr><td rowspan=999999>c</td><td>d</td></tr></table>"
        ),
    )
    assert [len(row) for row in table.rows] == [len(table.rows[0])] * 2
    assert len(table.html) < 400


def test_tables_of_the_service_are_taken_as_it_tells_them(blobs: Blobs):
    html = "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    element = told(html, media_type="application/pdf", extractor="llama_parse")
    assert only(blobs, element).engine == "llama_parse"


def test_rag_tables_tells_a_line_a_table_and_each_page_of_a_long_one(tmp_path: Path):
    path = write_pdf(tmp_path / "long.pdf", *long_table())
    found = CliRunner().invoke(app, ["tables", "--json", str(path)])
    assert found.exit_code == 0
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(line["doc"], line["page"]) for line in lines] == [("long", n) for n in (1, 2, 3)]
    assert all(line["html"].startswith("<table>") for line in lines)
    shown = CliRunner().invoke(app, ["tables", str(write_pdf(tmp_path / "r.pdf", report()))])
    assert "Table 1. Staff and budget by region" in shown.stdout
    assert "12,450" in shown.stdout
