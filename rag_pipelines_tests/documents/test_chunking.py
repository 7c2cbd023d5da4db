"""Chunks of documents: what they are made from, where they stand, and that nothing is lost."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_pipelines.corpus.chunking import Splitter, splitter_for
from rag_pipelines.documents.chunking import chunk_documents
from rag_pipelines.documents.tables_grid import html_of
from rag_pipelines.inference.protocols import Tokenizer
from rag_pipelines.inference.tokenizer import tokenizer_for
from rag_pipelines.records import Chunk, DocumentTable, Element, Figure
from rag_pipelines.sources import Chunking
from rag_pipelines_tests.corpus.test_chunking import WordEmbedder
from rag_pipelines_tests.grids import grid_of_rows

MINILM: Tokenizer = tokenizer_for("all-minilm")
WHERE: dict[str, Any] = {
    "source": "reports",
    "document": "d" * 64,
    "url": "file:reports/dam.pdf",
    "title": "The dam",
}
SENTENCE = "The reservoir behind the dam holds the winter rain of four valleys."


def splitter(limit: int = 254, strategy: str = "by_title") -> Splitter:
    chosen = Chunking.model_validate({"strategy": strategy, "max_tokens": limit})
    return splitter_for(chosen, WordEmbedder(MINILM))


def written(*said: tuple[str, str] | tuple[str, str, dict[str, Any]]) -> list[Element]:
    """Elements by kind and text, one below the other on page 1 unless they say otherwise."""
    return [
        Element(
            **{
                **WHERE,
                "id": f"e{position}",
                "media_type": "application/pdf",
                "kind": kind,
                "text": text,
                "position": position,
                "page": 1,
                "box": [50.0, 50.0 * position, 500.0, 50.0 * position + 40],
                "language": "en",
                **(more[0] if more else {}),
            }
        )
        for position, (kind, text, *more) in enumerate(said)
    ]


def table(rows: list[list[str]], **more: Any) -> DocumentTable:
    headers = more.pop("headers", 1)
    html = html_of(grid_of_rows(rows, headers), more.get("caption", ""))
    where = {**WHERE, "page": 1, "pages": [1], **more}
    return DocumentTable(id="t1", html=html, rows=rows, headers=headers, **where)


def cut(
    elements: list[Element],
    tables: list[DocumentTable] | None = None,
    figures: list[Figure] | None = None,
    limit: int = 254,
) -> list[Chunk]:
    return chunk_documents(elements, tables or [], figures or [], splitter(limit))


SALES = [["Region", "2023", "2024"], ["North", "12", "14"], ["South", "7", "9"]]


def test_running_text_keeps_its_headings_page_box_and_elements():
    elements = written(
        ("Header", "Annual report"),
        ("Title", "The dam", {"depth": 0}),
        ("Title", "Water", {"depth": 1}),
        ("NarrativeText", SENTENCE),
        ("ListItem", "• first valley"),
        ("Footer", "page 1"),
        ("PageBreak", ""),
    )
    (chunk,) = cut(elements)
    assert chunk.text == f"{SENTENCE}\n\n- first valley"
    assert (chunk.title, chunk.heading, chunk.kind) == ("The dam", "Water", "document")
    assert (chunk.page, chunk.box) == (1, [50.0, 150.0, 500.0, 240.0])
    assert (chunk.elements, chunk.language) == (["e3", "e4"], "en")
    assert chunk.document == WHERE["document"]


@pytest.mark.parametrize("strategy", ["by_title", "by_page", "by_similarity"])
def test_a_chunk_stands_on_one_page_so_that_a_citation_names_the_right_one(strategy: str):
    there = {"page": 2, "box": [0.0, 0.0, 600.0, 20.0]}
    elements = written(
        ("NarrativeText", SENTENCE),
        ("PageBreak", ""),
        ("NarrativeText", "The other page.", there),
    )
    one, other = chunk_documents(elements, [], [], splitter(strategy=strategy))
    assert (one.page, one.box, one.elements) == (1, [50.0, 0.0, 500.0, 40.0], ["e0"])
    assert (other.page, other.box, other.text) == (2, there["box"], "The other page.")
    assert other.tokens == MINILM.count([other.embedded_text])[0]


def test_a_heading_at_the_end_of_a_page_goes_with_what_stands_under_it():
    elements = written(
        ("NarrativeText", SENTENCE),
        ("Title", "Turbines", {"depth": 1}),
        ("NarrativeText", "Three.", {"page": 2}),
    )
    pieces = [(chunk.page, chunk.text) for chunk in cut(elements)]
    assert pieces == [(1, SENTENCE), (2, "## Turbines\n\nThree.")]
    (slide,) = cut(written(("Title", "Deck"), ("NarrativeText", "Said.", {"page": 2})))
    assert (slide.page, slide.elements[-1]) == (2, "e1")


def test_a_table_is_a_chunk_of_its_own_and_its_text_is_not_cut_twice():
    elements = written(
        ("Title", "Sales", {"depth": 1}),
        ("NarrativeText", "Sales rose in every region."),
        ("NarrativeText", "Table 1: Sales by region"),
        ("NarrativeText", "Region 2023 2024"),
        ("NarrativeText", "North 12 14 South 7 9"),
        ("NarrativeText", "What follows is about something else."),
    )
    found = table(
        SALES,
        box=[40.0, 145.0, 520.0, 245.0],
        caption="Table 1: Sales by region",
        summary="Sales of 2 regions in 2023 and 2024.",
    )
    chunks = cut(elements, [found])
    assert [chunk.kind for chunk in chunks] == ["document", "table"]
    text, cells = chunks
    assert text.text == "Sales rose in every region.\n\nWhat follows is about something else."
    assert cells.text == (
        "Table 1: Sales by region\n\nSales of 2 regions in 2023 and 2024.\n\n"
        "| Region: North | 2023: 12 | 2024: 14 |\n| Region: South | 2023: 7 | 2024: 9 |"
    )
    assert cells.heading == "Sales > Table 1: Sales by region"
    assert (cells.html, cells.box, cells.page) == (found.html, found.box, 1)
    assert cells.elements == ["t1", "e2", "e3", "e4"]


def test_a_long_table_is_cut_between_rows_each_part_with_headers_and_its_own_html():
    rows = [
        ["Year", "Rain in mm", "Level in m"],
        *([str(y), "812", "37"] for y in range(1900, 2000)),
    ]
    found = table(rows, caption="Rain and level", box=[0.0, 0.0, 500.0, 700.0])
    parts = cut([], [found], limit=120)
    assert len(parts) > 4
    assert all(part.tokens == MINILM.count([part.embedded_text])[0] <= 120 for part in parts)
    assert all(part.heading == "Rain and level" for part in parts)
    for part in parts:
        said = [line for line in part.text.split("\n") if line.startswith("|")]
        assert all(line.endswith(" | Rain in mm: 812 | Level in m: 37 |") for line in said)
        assert part.html.count("<th>") == 3
        assert part.html.count("<td>") == 3 * len(said)
        assert f"<td>{said[0][8:12]}</td>" in part.html
    lines = [line for part in parts for line in part.text.split("\n") if line.startswith("|")]
    assert [line[8:12] for line in lines] == [str(year) for year in range(1900, 2000)]


def test_a_row_too_wide_for_the_embedder_repeats_its_first_cell():
    names = ["Country", *(f"Population in {year}" for year in range(1950, 2010))]
    found = table([names, ["Portugal", *(f"{n} million" for n in range(60))]])
    parts = cut([], [found], limit=64)
    lines = [line for part in parts for line in part.text.split("\n") if "Population" in line]
    assert all(line.startswith("| Country: Portugal | Population in ") for line in lines)
    assert "Population in 2009: 59 million" in lines[-1]
    assert all(part.tokens <= 64 for part in parts)


def test_spans_survive_where_a_table_is_cut():
    html = (
        "<table><thead><tr><th>Valley</th><th colspan='2'>Rain</th></tr></thead><tbody>"
        + "".join(
            f"<tr><td rowspan='2'>valley {n}</td><td>spring</td><td>{n}</td></tr>"
            f"<tr><td>autumn</td><td>{n + 1}</td></tr>"
            for n in range(20)
        )
        + "</tbody></table>"
    )
    grid = [["Valley", "Rain", "Rain"]]
    for n in range(20):
        grid += [[f"valley {n}", "spring", str(n)], [f"valley {n}", "autumn", str(n + 1)]]
    parts = cut([], [replace(table(grid), html=html)], limit=80)
    assert len(parts) > 3
    assert all('<th colspan="2">Rain</th>' in part.html for part in parts)
    assert any('<td rowspan="2">valley 1</td>' in part.html for part in parts)


def test_rows_of_a_table_over_two_pages_are_cited_where_they_stand():
    names = [f"{a}{b}" for a in ("alder", "birch", "cedar", "maple") for b in ("wood", "leaf")]
    rows = [["Tree", "Rings"], *([f"{name} {n}", str(100 + n)] for n, name in enumerate(names * 6))]
    on_first, on_second = rows[1:25], rows[25:]
    elements = written(
        ("NarrativeText", " ".join(" ".join(row) for row in on_first)),
        ("PageBreak", ""),
        *(
            (
                "NarrativeText",
                " ".join(row),
                {"page": 2, "box": [50.0, 10.0 * n, 400.0, 10.0 * n + 8]},
            )
            for n, row in enumerate(on_second)
        ),
    )
    found = table(rows, page=1, pages=[1, 2], box=[0.0, 0.0, 600.0, 800.0])
    parts = cut(elements, [found], limit=150)
    assert [part.kind for part in parts] == ["table"] * len(parts)
    pages = [part.page for part in parts]
    assert pages == sorted(pages)
    assert {1, 2} == set(pages)
    assert parts[-1].box == [50.0, 0.0, 400.0, 10.0 * (len(on_second) - 1) + 8]


def figure(**more: Any) -> Figure:
    where = {**WHERE, "page": 1, "box": [40.0, 90.0, 520.0, 200.0], **more}
    return Figure(id="f1", image="a" * 64, **where)


def test_a_figure_is_a_chunk_that_says_what_is_from_whom():
    elements = written(
        ("Title", "Works", {"depth": 1}),
        ("NarrativeText", SENTENCE),
        ("Image", "1974"),
        ("NarrativeText", "Figure 1: The spillway"),
        ("NarrativeText", "After the picture."),
    )
    found = figure(
        caption="Figure 1: The spillway",
        ocr="1974",
        description="A concrete chute.",
        captioner="llava",
    )
    text, picture = cut(elements, figures=[found])
    assert text.text == f"{SENTENCE}\n\nAfter the picture."
    assert picture.text.split("\n\n") == [
        "Figure 1: The spillway",
        "Description (by llava): A concrete chute.",
        "Text in the picture (OCR): 1974",
    ]
    assert (picture.kind, picture.image, picture.box) == ("figure", "a" * 64, found.box)
    assert picture.heading == "Works > Figure 1: The spillway"
    assert picture.elements == ["f1", "e2", "e3"]


def test_text_in_a_figures_box_that_the_figure_does_not_say_stays_in_the_text():
    elements = written(("NarrativeText", "x"), ("NarrativeText", "x"), ("NarrativeText", SENTENCE))
    chunks = cut(elements, figures=[figure(caption="Figure 1", text="turbine")])
    assert SENTENCE in chunks[0].text


def test_rows_that_only_say_that_a_document_was_looked_at_give_no_chunks():
    nothing = replace(table([]), html="")
    assert cut([], [nothing], [replace(figure(), image="")]) == []
    assert cut([], figures=[figure()]) == []


def test_chunks_come_in_reading_order_and_one_file_under_two_urls_twice():
    elements = written(
        ("NarrativeText", "Before."), ("Table", "North 12"), ("NarrativeText", "After.")
    )
    found = table([["North", "12"]], headers=0, box=[40.0, 45.0, 520.0, 95.0])
    moved = [replace(element, url="https://h/dam.pdf", id=f"m{element.id}") for element in elements]
    chunks = cut([*elements, *moved], [found, replace(found, url="https://h/dam.pdf")])
    assert [(one.kind, one.position) for one in chunks] == [("document", 0), ("table", 1)] * 2
    assert len({one.id for one in chunks}) == 4
    assert chunks == cut([*moved, *elements], [replace(found, url="https://h/dam.pdf"), found])


def test_tables_without_boxes_stand_where_the_file_tells_them():
    """As in a word processor's file, which has no pages."""
    nowhere = {"page": None, "box": None}
    elements = written(
        ("Title", "One", {"depth": 0, **nowhere}),
        ("Table", "North 12", nowhere),
        ("Title", "Two", {"depth": 0, **nowhere}),
        ("Table", "North 12", nowhere),
    )
    first = table([["North", "12"]], headers=0, page=None, pages=[], position=0)
    second = replace(first, id="t2", position=1)
    assert [(c.heading, c.elements) for c in cut(elements, [second, first])] == [
        ("One", ["t1", "e1"]),
        ("Two", ["t2", "e3"]),
    ]


TEXTS = st.lists(
    st.sampled_from(
        ["dam", "# not a heading", "| bar", "```", "1. first", "• point", "水", "…", "a b"]
    ),
    min_size=1,
    max_size=30,
).map(" ".join)
KINDS = st.sampled_from(
    ["Title", "NarrativeText", "ListItem", "UncategorizedText", "CodeSnippet", "Formula", "Table"]
)


@given(
    st.lists(st.tuples(KINDS, TEXTS, st.integers(1, 3)), max_size=12),
    st.sampled_from(["by_title", "by_page"]),
    st.sampled_from([32, 254]),
)
@settings(deadline=None, max_examples=60)
def test_every_word_of_a_document_stands_in_a_chunk(
    said: list[tuple[str, str, int]], strategy: str, limit: int
):
    said.sort(key=lambda one: one[2])
    elements = written(*((kind, text, {"page": page}) for kind, text, page in said))
    chunks = chunk_documents(elements, [], [], splitter(limit, strategy))
    assert all(chunk.tokens == MINILM.count([chunk.embedded_text])[0] <= limit for chunk in chunks)
    there = bare("".join(f"{chunk.title}{chunk.heading}{chunk.text}" for chunk in chunks))
    for element in elements:
        assert all(bare(word) in there for word in element.text.split())
    covered = {element for chunk in chunks for element in chunk.elements}
    assert {e.id for e in elements if e.kind not in ("Title", "Table")} <= covered


def bare(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def test_a_page_of_headings_alone_is_cut_once():
    elements = written(
        ("NarrativeText", SENTENCE),
        ("Title", "Part two", {"page": 2}),
        ("NarrativeText", "Three.", {"page": 3}),
    )
    pieces = [(chunk.page, chunk.text) for chunk in cut(elements)]
    assert pieces == [(1, SENTENCE), (3, "## Part two\n\nThree.")]


RAIN = "The dam holds the rain of the valley and the rain fills the valley behind the dam."
SONG = "Violins and singers practise a song, then singers repeat it and violins follow."


def test_each_strategy_cuts_documents_where_it_says():
    """At headings; at the ends of pages; where the subject changes."""
    elements = written(
        ("NarrativeText", RAIN),
        ("NarrativeText", RAIN),
        ("NarrativeText", SONG),
        ("NarrativeText", SONG),
        ("Title", "Song", {"depth": 0}),
        ("NarrativeText", SONG),
    )

    def texts(strategy: str, limit: int) -> list[str]:
        chunks = chunk_documents(elements, [], [], splitter(limit, strategy))
        return [chunk.text for chunk in chunks]

    assert len(texts("by_page", 200)) == 1
    before, after = texts("by_title", 80)
    assert (before, after) == ("\n\n".join([RAIN, RAIN, SONG, SONG]), SONG)
    rain, *songs = texts("by_similarity", 200)
    assert rain == f"{RAIN}\n\n{RAIN}"
    assert songs
    assert all("rain" not in song for song in songs)
