"""What is written out before Unstructured reads a file, and what is left as it is."""

from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
from docx import Document
from docx.oxml import parse_xml

from rag_pipelines.documents import file_types
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.formulas import tex_of_mathml, tex_of_omml
from rag_pipelines.documents.partition_office import partition_office
from rag_pipelines.documents.rewriting import rewritten
from rag_pipelines.documents.tables_html import clean_table
from rag_pipelines_tests.documents.written_files import FRACTION, writer


def read(folder: Path, media_type: str, text: str) -> list[tuple[str, str]]:
    path = folder / "document"
    path.write_text(text, "utf-8")
    elements = partition_office(path, media_type)["elements"]
    return [(e["kind"], e["text"]) for e in elements if e["kind"] != "PageBreak"]


@pytest.mark.parametrize(
    "formula",
    [r"$a_1 * b_2 * c_3$", r"$\{x \mid x < y\} \setminus [0, 1]$", r"$$ F_i = \\ _a_ * b * $$"],
)
def test_marks_within_a_formula_are_not_markdowns(tmp_path: Path, formula: str):
    ((_, text),) = read(tmp_path, file_types.MARKDOWN, f"The force is {formula} in each case.")
    assert text == f"The force is {formula} in each case."


def test_a_formula_over_several_lines_is_one(tmp_path: Path):
    found = read(tmp_path, file_types.MARKDOWN, "$$\nE = m c^2\n+ 1\n$$\n")
    assert found == [("Formula", "$$ E = m c^2 + 1 $$")]


def test_prices_and_code_are_no_formulas(tmp_path: Path):
    found = read(
        tmp_path,
        file_types.MARKDOWN,
        "It costs *$5* here and *$10* there.\n\nRun `a $x *b* $y` now.\n\n```\n$a_1 * b$\n```\n",
    )
    assert found[0][1] == "It costs $5 here and $10 there."
    assert found[1][1] == "Run a $x *b* $y now."
    assert found[2] == ("CodeSnippet", "$a_1 * b$")


@pytest.mark.parametrize("end", ["---", "..."])
def test_front_matter_is_no_text(tmp_path: Path, end: str):
    assert read(tmp_path, file_types.MARKDOWN, f"---\ntitle: x\n{end}\n# Ponds\n") == [
        ("Title", "Ponds")
    ]
    for ruled in ("Text.\n\n---\n\n# A rule\n", "---\n# A rule\n\n---\nText.\n"):
        assert ("Title", "A rule") in read(tmp_path, file_types.MARKDOWN, ruled)


def test_a_power_of_ten_keeps_its_sign(tmp_path: Path):
    html = "<html><body><p>About 10<sup>6</sup> cells in <i>x</i><sup>2</sup> of water.</p></html>"
    assert read(tmp_path, file_types.HTML, html)[0][1] == "About 10^6 cells in x^2 of water."


def test_a_formula_that_nobody_can_read_shifts_no_other():
    broken = "<math><mfrac></mfrac></math>"
    one = "<math><mi>y</mi></math>"
    assert tex_of_mathml([broken, one, "<math></math>", one])[1::2] == ["y", "y"]
    assert tex_of_mathml([]) == []


def test_a_formula_that_breaks_pandoc_costs_no_text(tmp_path: Path):
    """Its own letters are kept instead."""
    assert tex_of_omml(["<m:oMath><open></m:oMath>", FRACTION]) == ["", ""]
    path = tmp_path / "odd.docx"
    report = Document()
    odd = FRACTION.partition("<m:f>")[0] + "<m:odd><m:t>y + 1</m:t></m:odd></m:oMath>"
    report.add_paragraph("The force is ")._p.append(parse_xml(odd))
    report.save(str(path))
    assert partition_office(path, file_types.DOCX)["elements"][0]["text"] == "The force is y + 1"


def test_a_formula_that_the_file_itself_annotates_is_told_once(tmp_path: Path):
    html = (
        "<html><body><p>So <math><semantics><mi>y</mi><annotation "
        'encoding="application/x-tex">y</annotation></semantics></math> rises.</p></html>'
    )
    assert read(tmp_path, file_types.HTML, html)[0][1] == "So $y$ rises."


def test_a_disk_that_is_full_is_told_and_a_file_that_breaks_pandoc_is_damaged(tmp_path: Path):
    made = tmp_path / "report.odt"
    writer(made)
    copy = tmp_path / "copies"
    copy.mkdir()
    (copy / "word").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        rewritten(made, file_types.ODT, copy)
    made.write_bytes(made.read_bytes()[:500])
    with pytest.raises(DocumentFailure, match="damaged: "):
        rewritten(made, file_types.ODT, copy)


def test_the_file_itself_stays_as_it_was(tmp_path: Path):
    path = tmp_path / "notes.md"
    path.write_text("$a_1$")
    (tmp_path / "copies").mkdir()
    copy = rewritten(path, file_types.MARKDOWN, tmp_path / "copies")
    assert (path.read_text(), copy.parent) == ("$a_1$", tmp_path / "copies")
    assert rewritten(path, file_types.CSV, tmp_path / "copies") == path


def test_tables_of_html_keep_their_spans_and_nothing_that_runs(tmp_path: Path):
    spanned = (
        "<table><caption>Größe</caption><tr><th rowspan=2>Teich</th><th colspan=2>Tiefe</th></tr>"
        "<tr><th>März</th><th>Mai</th></tr>"
        "<tr><td onclick='x()'>Mühle<script>x()</script></td><td>3</td><td>4</td></tr></table>"
    )
    plain = "<table><tr><td>a</td><td>b</td></tr></table>"
    path = tmp_path / "document"
    path.write_text(f"<html><body>{plain}<p>Text.</p>{spanned}</body></html>", "utf-8")
    elements = partition_office(path, file_types.HTML)["elements"]
    first, second = [e["html"] for e in elements if e["kind"] == "Table"]
    assert "<td>b</td>" in first
    assert second == (
        "<table><caption>Größe</caption><thead>"
        '<tr><th rowspan="2">Teich</th><th colspan="2">Tiefe</th></tr>'
        "<tr><th>März</th><th>Mai</th></tr></thead>"
        "<tbody><tr><td>Mühle</td><td>3</td><td>4</td></tr></tbody></table>"
    )


def test_cells_of_a_workbook_are_what_they_show(tmp_path: Path):
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in (
        ["Region", 2023, "Opened", "Share"],
        ["North", 12.5, date(2024, 3, 12), 0.125],
        ["South", 7, datetime(2024, 3, 12, 14, 30), 0.5],
        ["Sum", 0.1 + 0.2, None, True],
    ):
        sheet.append(row)
    sheet["D2"].number_format, sheet["D3"].number_format = "0.0%", "0%"
    sheet["A6"] = "Source: own figures"
    path = tmp_path / "document"
    book.save(path)
    table, source, _ = partition_office(path, file_types.XLSX)["elements"]
    assert clean_table(table["html"])[0].rows() == [
        ["Region", "2023", "Opened", "Share"],
        ["North", "12.5", "2024-03-12", "12.5%"],
        ["South", "7", "2024-03-12 14:30", "50%"],
        ["Sum", "0.3", "", "TRUE"],
    ]
    assert (source["kind"], source["text"]) == ("UncategorizedText", "Source: own figures")
