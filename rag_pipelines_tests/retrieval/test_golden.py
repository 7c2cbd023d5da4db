from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.records import Hit
from rag_pipelines.retrieval.golden import failure, golden_recall
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.sources import Expected, GoldenQuestion, load_golden
from rag_pipelines_tests.retrieval.passage import hit, passage

EXAMPLES = Path(__file__).parents[2] / "examples"
URL = "http://127.0.0.1/a.html"


def asking(quote: str, url: str = URL) -> GoldenQuestion:
    return GoldenQuestion(question="How long?", expect=(Expected(url=url, quote=quote),))


def on_site(question: GoldenQuestion) -> bool:
    return all(expected.url.startswith("http") for expected in question.expect)


def test_the_example_site_passes_its_own_questions(site: Retriever):
    report = golden_recall(site, [q for q in load_golden(EXAMPLES / "golden.yaml") if on_site(q)])
    assert report.failures == []
    assert report.asked == report.passed > 0
    assert report.recall == 1.0


def test_failures_say_what_was_missing(site: Retriever):
    lost = GoldenQuestion(
        question="How long is the warranty on the probe?",
        expect=(Expected(url="http://127.0.0.1:8765/warranty.html", quote="ninety years"),),
    )
    wrong = GoldenQuestion(question="How long is the warranty on the probe?", answerable=False)
    report = golden_recall(site, [lost, wrong])
    assert (report.passed, report.recall) == (0, 0.0)
    assert "ninety years" in report.failures[0].why
    assert "warranty.html" in report.failures[1].why


def test_no_questions_are_no_failure(site: Retriever):
    assert golden_recall(site, []).recall == 1.0


@pytest.mark.parametrize("quote", ["Three  YEARS", "three\nyears", ""])
def test_white_space_and_case_are_folded(quote: str):
    assert failure(asking(quote), [hit("It lasts three\n  years.")]) == ""


def test_a_quote_that_a_chunk_boundary_cuts_is_found():
    later, earlier = passage("years on the probe."), passage("It lasts three")
    hits = [Hit(replace(later, position=1), 1.0, 1), Hit(replace(earlier, position=0), 0.5, 2)]
    assert failure(asking("three years on"), hits) == ""


def test_the_quote_on_another_page_does_not_count():
    assert "a.html" in failure(asking("three years"), [hit("three years", url=URL + "?b")])


def test_the_quote_must_stand_on_the_page_of_the_file_that_was_named():
    url = "file:reports/no #1.pdf"
    expected = Expected(url=url, quote="three years", page=2)
    question = GoldenQuestion(question="How long?", expect=(expected,))
    assert failure(question, [hit("three years", url=url, page=2)]) == ""
    wrong = failure(question, [hit("three years", url=url, page=3)])
    assert wrong == f"{url} was found on page 3, not on page 2"
    assert "file:reports/no " in failure(question, [hit("three years", url="file:reports/no ")])


def test_a_fragment_and_a_closing_slash_are_the_same_page():
    assert failure(asking("three years", URL + "/#top"), [hit("three years")]) == ""


def test_every_expectation_must_be_met():
    question = GoldenQuestion(
        question="How long?",
        expect=(Expected(url=URL, quote="three years"), Expected(url=URL, quote="five years")),
    )
    assert "five years" in failure(question, [hit("three years")])
