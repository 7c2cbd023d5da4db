"""A quotation is cited where it stands, and only where the page may be quoted."""

import pytest

from rag_pipelines.inference.protocols import Quotation
from rag_pipelines.records import GroundedAnswer, Hit
from rag_pipelines.retrieval.grounding import Grounding
from rag_pipelines_tests.retrieval.passage import hit

WARRANTY = "Reedmark gives three years of warranty on the probe. It does not cover lightning."


def quoted(where: Hit, said: str, *others: Hit, times: int = 1) -> GroundedAnswer:
    start = -1
    for _ in range(times):
        start = where.chunk.text.index(said, start + 1)
    grounding = Grounding([*others, where])
    grounding.quote(quotation := Quotation(where, start, start + len(said)))
    grounding.write(quotation)
    grounding.check(whole=True)
    return grounding.answer


@pytest.mark.parametrize(
    ("said", "quote"),
    [
        ("three years", "Reedmark gives three years of warranty on the probe."),
        ("lightning", "It does not cover lightning."),
        ("It", "It does not cover lightning."),
        ("the probe. It", WARRANTY),
    ],
    ids=["a number", "under a negation", "a word that says nothing", "over two sentences"],
)
def test_the_quote_is_the_fewest_sentences_that_hold_it(said: str, quote: str):
    answer = quoted(hit(WARRANTY), said)
    assert (answer.text, answer.grounded) == (f"{said} [1]", 1.0)
    assert [citation.quote for citation in answer.citations] == [quote]


def test_the_passage_that_was_read_is_cited_though_a_better_one_says_the_same():
    second = hit(WARRANTY, 2, url="http://127.0.0.1/b.html")
    [citation] = quoted(second, "three years", hit(WARRANTY)).citations
    assert citation.url == "http://127.0.0.1/b.html"


def test_of_two_places_in_one_passage_the_one_that_was_read_is_cited():
    twice = hit("The probe has three years. The gateway has three years.")
    [citation] = quoted(twice, "three years", times=2).citations
    assert citation.quote == "The gateway has three years."


def test_a_row_of_a_table_is_quoted_and_what_we_say_about_it_is_not():
    table = hit("Staff: from 9 to 31.\n\n| Region: North | Staff: 12 |", kind="table")
    [citation] = quoted(table, "12").citations
    assert citation.quote == "| Region: North | Staff: 12 |"
    assert quoted(table, "31").citations == []


def test_a_heading_is_not_quoted():
    assert quoted(hit("## Three years\n\nOf warranty."), "Three years").citations == []


def test_markup_of_the_page_stays_in_the_quote_and_loads_nothing_in_the_answer():
    marked = hit("Ask **Ann** or [Bob](http://127.0.0.1/x) ![](http://127.0.0.1/y.png) today.")
    answer = quoted(marked, "**Ann** or [Bob](http://127.0.0.1/x) ![](http://127.0.0.1/y.png)")
    assert answer.text == "Ann or Bob [1]"
    assert answer.citations[0].quote == marked.chunk.text
