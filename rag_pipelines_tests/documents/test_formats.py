"""Each format is read into the same classes, order, table and formulas. One call reads them all."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from rag_pipelines.documents.chunking import chunk_documents
from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.documents.tables import read_tables
from rag_pipelines.records import DocumentTable, Element
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.test_chunking import splitter
from rag_pipelines_tests.documents.written_files import (
    CELLS,
    ITEMS,
    LAST,
    PROSE,
    SHORT,
    TITLE,
    write_all,
)

Of = Callable[[str], list[Element]]

FRACTION = r"\frac{a_{1}}{b_{2}}"
WITH_TABLES = ("docx", "odt", "rtf", "epub", "pptx", "xlsx", "html", "md", "eml", "csv")
WITH_HEADINGS = ("docx", "odt", "rtf", "epub", "html", "md", "eml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="module")
def blobs(folder: Path) -> Blobs:
    return Blobs(str(folder / "blobs"))


@pytest.fixture(scope="module")
def read(folder: Path, blobs: Blobs) -> ReadDocuments:
    paths = write_all(folder)
    files = [file_at("reports", f"file:{path.name}", path, 1 << 24, blobs) for path in paths]
    found = read_elements(files, blobs)
    assert {file.name: file.problem for file in found.files if file.problem} == {}
    return found


@pytest.fixture(scope="module")
def of(read: ReadDocuments) -> Of:
    """The elements of a file by its name, page breaks left out."""

    def named(name: str) -> list[Element]:
        name = name if "." in name else f"report.{name}"
        all_of = [element for element in read.elements if element.url == f"file:{name}"]
        return [element for element in all_of if element.kind != "PageBreak"]

    return named


@pytest.fixture(scope="module")
def tables(read: ReadDocuments, blobs: Blobs) -> dict[str, DocumentTable]:
    found = {table.url: table for table in read_tables(read.elements, blobs)}
    return {url.rpartition(".")[2]: table for url, table in found.items() if "report" in url}


def said(elements: list[Element], *kinds: str) -> list[str]:
    return [element.text for element in elements if element.kind in kinds]


@pytest.mark.parametrize("name", WITH_HEADINGS)
def test_headings_prose_and_items_have_their_classes_in_reading_order(of: Of, name: str):
    found = of(name)
    assert said(found, "Title") == ["Pond survey", "Results", "Conclusion"]
    assert [element.depth for element in found if element.kind == "Title"] == [0, 1, 1]
    assert said(found, "ListItem") == ITEMS
    kinds = {element.text: element.kind for element in found}
    assert (kinds[PROSE], kinds[LAST]) == ("NarrativeText", "NarrativeText")
    assert kinds[SHORT] in ("NarrativeText", "UncategorizedText")
    order = [PROSE, SHORT, *ITEMS, LAST]
    assert [element.text for element in found if element.text in order] == order


@pytest.mark.parametrize("name", WITH_HEADINGS)
def test_an_element_knows_its_file_language_and_the_heading_above_it(of: Of, name: str, folder):
    found = {element.text: element for element in of(name)}
    item = found[ITEMS[1]]
    assert item.parent == found["Results"].id
    assert found["Results"].parent == found["Pond survey"].id
    assert (item.language, item.page) == ("en", None)
    assert item.document == sha256((folder / f"report.{name}").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", WITH_TABLES)
def test_a_table_comes_as_html_with_its_cells_and_header(tables, name: str):
    table = tables[name]
    assert (table.rows, table.headers) == (CELLS, 1)
    assert "<th>Depth in m</th>" in table.html
    assert "<td>0.8</td>" in table.html


def test_a_file_without_a_table_is_known_to_have_none(tables):
    assert (tables["txt"].html, tables["txt"].problem) == ("", "")


def test_a_table_names_its_sheet_and_its_slide(tables):
    assert (tables["xlsx"].caption, tables["xlsx"].page) == ("Depths", 1)
    assert (tables["pptx"].caption, tables["pptx"].page) == ("", 3)


@pytest.mark.parametrize("name", ["docx", "rtf", "epub", "html", "md"])
def test_a_formula_in_a_sentence_is_latex_and_the_sentence_whole(of: Of, name: str):
    (sentence,) = [one.text for one in of(name) if one.text.startswith("The oxygen")]
    wanted = f"The oxygen follows ${FRACTION}$ at every depth of the pond."
    assert sentence.replace("a_1", "a_{1}").replace("b_2", "b_{2}") == wanted


@pytest.mark.parametrize("name", ["docx", "odt", "epub", "html", "md"])
def test_a_formula_on_a_line_of_its_own_is_a_formula(of: Of, name: str):
    assert "$$x^{2} = 4$$" in said(of(name), "Formula")


def test_formulas_of_rich_text_and_of_odt_sentences_keep_order_and_powers(of: Of):
    assert "x^2 = 4" in [element.text for element in of("rtf")]
    texts = [element.text for element in of("odt")]
    at = texts.index("The oxygen follows")
    assert texts[at : at + 3] == [
        "The oxygen follows", f"$${FRACTION}$$", "at every depth of the pond."
    ]  # fmt: skip


def test_slides_are_pages_with_bullets_notes_last_and_no_heading_but_the_title(of: Of, read):
    edges = ("Footer", "PageNumber")
    pages = [(e.page, e.kind, e.text) for e in of("pptx") if e.kind not in edges]
    assert pages[:2] == [(1, "Title", "Pond survey"), (1, "UncategorizedText", "Spring of 2025")]
    assert pages[2:6] == [
        (2, "Title", "Results"),
        (2, "ListItem", ITEMS[0]),
        (2, "ListItem", ITEMS[1]),
        (2, "NarrativeText", LAST),
    ]
    assert pages[-2:] == [
        (5, "Title", "Oxygen"),
        (5, "NarrativeText", f"The oxygen follows ${FRACTION}$"),
    ]
    (deck,) = [file for file in read.files if file.name == "report.pptx"]
    assert deck.pages == 5


def test_sheets_are_pages(of: Of):
    found = [(element.page, element.kind) for element in of("xlsx")]
    assert found == [(1, "Table"), (2, "NarrativeText")]


def test_what_runs_along_the_edge_of_a_word_file_or_a_slide_is_no_text(of: Of):
    assert said(of("docx"), "Header") == ["Valley office"]
    assert said(of("pptx"), "Footer") == ["Valley office"]
    assert said(of("pptx"), "PageNumber") == ["2"]


@pytest.mark.parametrize("name", ["plain.eml", "plain.msg"])
def test_a_plain_message_has_no_headings_and_no_attachment(of: Of, name: str):
    found = of(name)
    assert said(found, "Title") == []
    assert [element.text for element in found] == ["Dear Bo,", PROSE, *ITEMS, SHORT, LAST]
    assert all("not read" not in element.text for element in [*found, *of("eml")])


def test_a_file_says_what_it_is_called(read: ReadDocuments):
    titles = {file.name: file.title for file in read.files}
    told = {f"report.{name}" for name in ("docx", "odt", "epub", "pptx", "html", "md", "eml")}
    assert {titles[name] for name in {*told, "plain.eml", "plain.msg"}} == {TITLE}
    assert (titles["report.rtf"], titles["report.txt"]) == ("Pond survey", "POND SURVEY")
    assert titles["report.xlsx"] == titles["report.csv"] == "report"


@pytest.mark.parametrize("strategy", ["by_title", "by_page", "by_similarity"])
def test_every_word_of_a_file_is_in_a_chunk_that_leads_back_to_its_elements(
    read: ReadDocuments, tables, strategy: str
):
    found = list(tables.values())
    known = {element.id: element for element in read.elements}
    chunks = chunk_documents(read.elements, found, [], splitter(strategy=strategy))
    for chunk in chunks:
        own = [known[one].text for one in chunk.elements if one in known]
        assert own
        if chunk.kind == "document":
            assert all(" ".join(text.split()) in " ".join(chunk.text.split()) for text in own)
    told = {one for chunk in chunks for one in chunk.elements}
    silent = {e.text for e in read.elements if e.id not in told and e.kind != "PageBreak"}
    headings = {e.text for e in read.elements if e.kind == "Title"}
    assert silent <= headings | {"Valley office", "2"}


def test_a_files_table_is_a_chunk_under_its_headings_with_its_html(read: ReadDocuments, tables):
    chunks = chunk_documents(read.elements, list(tables.values()), [], splitter())
    of_table = {chunk.url.rpartition(".")[2]: chunk for chunk in chunks if chunk.kind == "table"}
    assert set(of_table) == set(WITH_TABLES)
    under = {name: of_table[name].heading for name in WITH_HEADINGS}
    told_by_title = {"rtf": "Results"}  # its title is its first heading, and is embedded as well
    assert under == dict.fromkeys(WITH_HEADINGS, "Pond survey > Results") | told_by_title
    assert (of_table["pptx"].heading, of_table["pptx"].page) == ("Depths", 3)
    assert of_table["xlsx"].heading == "Depths"
    for chunk in of_table.values():
        assert "| Pond: Weir | Depth in m: 0.8 |" in chunk.text
        assert "Depth in m: from 0.8 to 3.2" in chunk.embedded_text
        assert "<td>0.8</td>" in chunk.html
