"""Answers from tables and figures: rows that read by themselves, cited where they stand."""

from dataclasses import replace

import pytest

from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import Chunk, Hit
from rag_pipelines.retrieval.grounding import extractive_answer, ground
from rag_pipelines.retrieval.sentences import sentences
from rag_pipelines_tests.retrieval.passage import passage

PLANTS = passage(
    "Table 2: Plants of the Lynn valley\n\n"
    "3 rows and 3 columns. Columns: Plant, Capacity in MW, Commissioned.\n\n"
    "| Plant: Alderbrook | Capacity in MW: 42 | Commissioned: 1974 |\n"
    "| Plant: Birchwater | Capacity in MW: 17 | Commissioned: 1988. Rebuilt since |\n"
    "| Plant: Cedar Falls | Capacity in MW: 230 | Commissioned: 1961 |",
    url="file:reports/plants.pdf",
    title="Annual report",
    kind="table",
    page=7,
    box=[50.0, 60.0, 500.0, 200.0],
    html="<table><tr><td>42</td></tr></table>",
    document="d" * 64,
)
PLANTS = replace(PLANTS, heading="Plants > Table 2: Plants of the Lynn valley")
SPILLWAY = passage(
    "Figure 3: The spillway of Cedar Falls in the flood of 1993\n\n"
    "Text in the picture (OCR): GATE 4",
    url="file:reports/plants.pdf",
    title="Annual report",
    kind="figure",
    page=9,
    box=[1.0, 2.0, 3.0, 4.0],
    image="a" * 64,
    document="d" * 64,
)


def hits(*chunks: Chunk) -> list[Hit]:
    return [Hit(chunk, 1 / rank, rank, 0.6, 0.9) for rank, chunk in enumerate(chunks, 1)]


def test_a_row_answers_with_the_names_of_its_columns_and_cites_the_table(embedder: Embedder):
    said = extractive_answer("What is the capacity of Birchwater?", hits(PLANTS), embedder)
    assert said.text == (
        "Plant: Birchwater | Capacity in MW: 17 | Commissioned: 1988. Rebuilt since [1]"
    )
    (citation,) = said.citations
    assert citation.quote in PLANTS.text
    assert (citation.kind, citation.page, citation.box) == ("table", 7, PLANTS.box)
    assert (citation.html, citation.image_url) == (PLANTS.html, None)


def test_a_figure_answers_with_its_caption_and_cites_the_picture(embedder: Embedder):
    question = "When was the flood at Cedar Falls?"
    (citation, *_) = extractive_answer(question, hits(SPILLWAY, PLANTS), embedder).citations
    assert citation.quote == "Figure 3: The spillway of Cedar Falls in the flood of 1993"
    assert (citation.kind, citation.page, citation.box) == ("figure", 9, SPILLWAY.box)
    assert (citation.html, citation.image_url) == (None, f"/api/images/{'a' * 64}")


def test_rows_and_captions_stand_on_lines_of_their_own(embedder: Embedder):
    question = "Which plant has the highest capacity?"
    said = extractive_answer(question, hits(PLANTS, SPILLWAY), embedder)
    assert len(said.citations) > 1
    assert len(said.text.split("\n")) == len(said.citations)


def test_what_we_say_about_a_table_is_no_evidence(embedder: Embedder):
    said = extractive_answer("Which columns and rows has it?", hits(PLANTS), embedder)
    assert all("3 rows and 3 columns" not in citation.quote for citation in said.citations)
    assert ground("There are 3 rows and 3 columns.", hits(PLANTS)).citations == []


@pytest.mark.parametrize(
    ("claim", "supported"),
    [
        ("Birchwater has a capacity of 17 MW.", True),
        ("Cedar Falls was commissioned in 1961.", True),
        ("Cedar Falls was commissioned in 1974.", False),
        ("Birchwater has a capacity of 42 MW.", False),
    ],
)
def test_a_claim_is_held_against_single_rows(claim: str, supported: bool):
    assert bool(ground(claim, hits(PLANTS)).citations) is supported


def test_a_row_is_one_sentence_whatever_stands_in_its_cells():
    said = [PLANTS.text[s.start : s.end] for s in sentences(PLANTS.text)]
    rows = [text.strip("| ") for text in said if "Plant: " in text]
    assert rows[1] == "Plant: Birchwater | Capacity in MW: 17 | Commissioned: 1988. Rebuilt since"
    assert len(rows) == 3
