"""Examples and pairs of a real release, of 200 opinions, and of files."""

import json
from collections import Counter
from pathlib import Path

import pytest

from rag_pipelines.lib.examples import examples_of
from rag_pipelines.lib.learning import opened_corpus
from rag_pipelines.lib.preferences import pairs_of
from rag_pipelines.lib.project import Project
from rag_pipelines.models.tuning.data import SPLITS, split_of
from rag_pipelines.records import Example, Pair, RatedAnswer, no_progress
from rag_pipelines.retrieval.grounding import ground
from rag_pipelines.sources import load_golden
from rag_pipelines_tests.lib.handbook import THINGS, opinions, page, published


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("handbook")


@pytest.fixture(scope="module")
def project(folder: Path) -> Project:
    return published(folder, "datasets: {candidates: 60}\n")


def gathered(project: Project, feedback: list[RatedAnswer]) -> tuple[list[Example], Counter[str]]:
    with opened_corpus(project, no_progress) as corpus:
        return examples_of(corpus, feedback), corpus.dropped


def preferred(project: Project, feedback: list[RatedAnswer], rows: list[Example]) -> list[Pair]:
    with opened_corpus(project, no_progress) as corpus:
        return pairs_of(corpus, feedback, rows)


def said(text: str) -> set[str]:
    """The sentences of a text."""
    return {part.strip(" .") for part in text.split(". ")}


@pytest.fixture(scope="module")
def examples(project: Project) -> list[Example]:
    return gathered(project, opinions(200))[0]


@pytest.fixture(scope="module")
def pairs(project: Project, examples: list[Example]) -> list[Pair]:
    return preferred(project, opinions(200), examples)


def test_what_people_accept_becomes_examples_that_name_their_answers(examples: list[Example]):
    of_people = [one for one in examples if one.origin == "feedback"]
    assert len(of_people) > len(THINGS)
    for one in of_people:
        assert one.completion.startswith("The warranty of the ")
        assert "[1]" not in one.completion
        (answer,) = one.answers
        assert answer.startswith("answer-")
    assert not any("for ever" in one.completion for one in examples)


def test_a_conversation_is_what_the_service_sends(examples: list[Example]):
    one = next(one for one in examples if one.page.endswith("/kettle.html"))
    assert one.roles == ["system", "user"]
    assert "The warranty of the kettle lasts 2 years." in one.contents[1]
    assert "kettle" in one.contents[1].splitlines()[-1]


def test_candidates_of_the_corpus_are_answers_that_their_passages_support(
    examples: list[Example],
):
    made = [one for one in examples if one.origin == "corpus"]
    assert len(made) >= 30
    texts = {page(number).url: page(number).text for number in range(len(THINGS))}
    for one in made:
        assert one.completion
        assert said(one.completion) <= said(texts[one.page])


def test_no_page_and_no_question_is_in_two_splits(examples: list[Example], pairs: list[Pair]):
    for rows in (examples, pairs):
        by_page = {(row.page, row.split) for row in rows}
        assert len(by_page) == len({page for page, _ in by_page})
        assert {row.split for row in rows} == set(SPLITS)
        assert all(split_of(row.page, 0) == row.split for row in rows)


def test_the_same_is_gathered_again(project: Project, examples: list[Example]):
    again, _ = gathered(project, opinions(200)[::-1])
    assert {row.id for row in again} == {row.id for row in examples}
    assert len({row.id for row in again}) == len(again)


def test_pairs_prefer_corrections_liked_answers_and_what_is_supported(pairs: list[Pair]):
    origins = Counter(pair.origin for pair in pairs)
    assert origins["correction"] > 20
    assert origins["grounding"] > 10
    for pair in pairs:
        if pair.origin in ("correction", "thumbs"):
            assert pair.rejected == "It lasts for ever."
            assert pair.answers
        else:
            number = next(n for n in range(len(THINGS)) if page(n).url == pair.page)
            assert said(pair.chosen) <= said(page(number).text)
            assert not said(pair.rejected) <= said(page(number).text)


def test_a_liked_answer_goes_over_a_disliked_one_to_the_same_question(project: Project):
    found = preferred(project, [one for one in opinions(200) if not one.correction], [])
    assert found
    assert {pair.origin for pair in found} == {"thumbs"}
    assert all(len(pair.answers) == 2 for pair in found)


def test_what_cites_nothing_that_is_there_is_left_out_and_counted(project: Project):
    gone = [RatedAnswer(answer_id="a", rating="up", question="Q?", answer="A.", chunk_ids=["x"])]
    rows, dropped = gathered(project, gone)
    assert not any(row.origin == "feedback" for row in rows)
    assert dropped["what it cites is not in the release"] == 1


def test_golden_questions_that_models_are_measured_by_are_never_learned(folder: Path):
    project = published(folder, "datasets: {candidates: 0}\nmeasure: {questions: 2}\n")
    lines = [
        {"question": f"How much does the {thing} weigh?", "expect": [
            {"url": f"http://127.0.0.1/{thing}.html", "quote": f"The {thing} weighs"}]}
        for thing in THINGS[:6]
    ]  # fmt: skip
    project.settings.golden.write_text(json.dumps(lines))
    assert len(load_golden(project.settings.golden)) == 6
    rows, dropped = gathered(project, [])
    assert {row.page for row in rows} == {f"http://127.0.0.1/{t}.html" for t in THINGS[2:6]}
    assert dropped["golden, and models are measured by it"] == 2
    project.settings.golden.unlink()


def test_personal_data_of_files_is_scrubbed(folder: Path):
    rows = [{"question": f"Whom do I call about page {n}?", "answer": "Write anna@example.org."}
            for n in range(3)]  # fmt: skip
    (folder / "more.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    project = published(folder, "datasets: {candidates: 0, examples: [{files: [more.jsonl]}]}\n")
    found, _ = gathered(project, [])
    assert {one.completion for one in found} == {"Write <EMAIL_ADDRESS>."}
    assert all(not ground(one.completion, []).citations for one in found)
