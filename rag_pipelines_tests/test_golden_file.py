"""golden.yaml: questions with what must be found, or that nothing can be."""

from pathlib import Path

import pytest

from rag_pipelines.errors import ConfigError
from rag_pipelines.sources import GoldenQuestion, load_golden

GOOD = """\
- question: How long is the warranty?
  expect: [{url: https://example.org/docs/warranty, quote: "three years"}]
- question: How many were sold in May?
  expect: [{url: "file:reports/Q1 sales.pdf", page: 3, quote: "1,204"}]
- question: Who won the 1998 election?
  answerable: false
"""


def load(tmp_path: Path, text: str) -> list[GoldenQuestion]:
    file = tmp_path / "golden.yaml"
    file.write_text(text)
    return load_golden(file)


def test_the_documented_file_is_read(tmp_path: Path):
    warranty, sales, election = load(tmp_path, GOOD)
    assert warranty.expect[0].url == "https://example.org/docs/warranty"
    assert warranty.expect[0].quote == "three years"
    assert warranty.expect[0].page is None
    assert (sales.expect[0].url, sales.expect[0].page) == ("file:reports/Q1 sales.pdf", 3)
    assert (warranty.answerable, election.answerable) == (True, False)


def test_the_examples_expectations_stand_in_its_pages():
    examples = Path(__file__).parents[1] / "examples"
    for question in load_golden(examples / "golden.yaml"):
        for expected in question.expect:
            if expected.url.startswith("file:"):
                assert (examples / expected.url.removeprefix("file:")).is_file()
                continue
            page = examples / "site" / expected.url.rsplit("/", 1)[1]
            assert expected.quote in " ".join(page.read_text().split())


def test_without_the_default_file_there_are_no_questions(tmp_path: Path):
    assert load_golden(tmp_path / "golden.yaml") == []


def test_a_named_file_must_exist(tmp_path: Path):
    with pytest.raises(ConfigError, match="found no such file"):
        load_golden(tmp_path / "mine.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: the file: found nothing; allowed: a list"),
        ("questions: []", ":1: the file: found a mapping of questions; allowed: a list"),
        ("- a\n", ":1: 0: found 'a'; allowed: a mapping"),
        ("- question: Why?\n", ":1: 0: found a mapping of question; allowed: expect with at"),
        ("- question: ''\n  answerable: false", ":1: 0.question: found ''"),
        ("- question: ' '\n  answerable: false", ":1: 0.question: found ' '; allowed: text"),
        ("- question: 3\n  answerable: false", ":1: 0.question: found 3; allowed: text"),
        ("- question: Why?\n  answerable: maybe", ":2: 0.answerable: found 'maybe'; allowed: true"),
        ("- question: Why?\n  chunk: x\n", ":2: 0.chunk: found an unknown name"),
        ("- question: Why?\n  expect: [{quote: x}]\n", ":2: 0.expect.0.url: found nothing"),
        ("- question: Why?\n  expect: [{url: x}]\n", ":2: 0.expect.0.url: found 'x'"),
        ("- question: Why?\n  expect: [{url: 'file:'}]\n", ":2: 0.expect.0.url: found 'file:'"),
        ("- question: Why?\n  expect: [{url: 'file:///a'}]\n", "file: and a path relative to"),
        ("- question: Why?\n  expect: [{url: 'file:a', page: 0}]\n", "page: found 0; allowed: "),
        (
            "- question: Why?\n  answerable: false\n  expect: [{url: https://x.org/}]",
            "allowed: no expect where answerable is false",
        ),
    ],
)
def test_a_mistake_is_told_by_line_place_and_remedy(tmp_path: Path, text: str, told: str):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value).splitlines()[0]
