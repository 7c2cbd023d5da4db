"""Chunks of documents: what they are made from, where they stand, and that nothing is lost."""

from typing import Any

from rag_pipelines.corpus.chunking import Splitter, splitter_for
from rag_pipelines.documents.chunking import chunk_documents
from rag_pipelines.documents.tables_grid import grid_of_rows, html_of
from rag_pipelines.inference.protocols import Tokenizer
from rag_pipelines.inference.tokenizer import tokenizer_for
from rag_pipelines.records import Chunk, DocumentTable, Element, Figure
from rag_pipelines.sources import Chunking
from rag_pipelines_tests.corpus.test_chunking import WordEmbedder

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
    given: dict[str, Any] = {"page": 1, "pages": [1], **more}
    return DocumentTable(id="t1", html=html, rows=rows, headers=headers, **WHERE, **given)


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


def test_a_chunk_over_two_pages_names_the_first_and_its_box_there():
    elements = written(
        ("NarrativeText", SENTENCE),
        ("PageBreak", ""),
        ("NarrativeText", SENTENCE, {"page": 2, "box": [0.0, 0.0, 600.0, 20.0]}),
    )
    (chunk,) = cut(elements)
    assert (chunk.page, chunk.box) == (1, [50.0, 0.0, 500.0, 40.0])
    by_page = chunk_documents(elements, [], [], splitter(strategy="by_page"))
    assert [(one.page, one.elements) for one in by_page] == [(1, ["e0"]), (2, ["e2"])]


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
