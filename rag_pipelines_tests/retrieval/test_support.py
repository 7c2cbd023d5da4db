import pytest

from rag_pipelines.retrieval.support import (
    contradicted,
    coverage,
    misplaced,
    overlap,
    renamed,
    statement,
)

NOTHING = statement("")


def speaks_against(claim: str, passage: str, header: str = "") -> bool:
    return contradicted(statement(claim), statement(passage), statement(header))


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The warranty lasts 5 years.", "The warranty lasts 3 years."),
        ("The warranty lasts three months.", "The warranty lasts 3 years."),
        ("It costs $5 a month.", "It costs €5 a month."),
        ("About 40 percent failed.", "About 40 failed."),
        ("Paris is large, says Anna Berg.", "Paris is large, says Carl Lund."),
        ("Set work_mem first.", "Set shared_buffers first."),
        ("The service stores data.", "The service does not store data."),
        ("The service does not store data.", "The service stores data."),
        ("Backups aren't encrypted.", "Backups are encrypted."),
        ("You can delete it.", "You can never delete it."),
        ("The feature is enabled by default.", "The feature is disabled by default."),
        ("This is a supported setup.", "This is an unsupported setup."),
    ],
)
def test_what_differs_in_number_name_or_negation_is_no_support(claim: str, passage: str):
    assert speaks_against(claim, passage)


@pytest.mark.parametrize(
    ("claim", "passage"),
    [
        ("The warranty lasts three years.", "Our warranty is valid for 3 years."),
        ("The default is 100.", "If you do not set it, the default is 100."),
        ("Backups aren't encrypted.", "Backups are not encrypted by default."),
        ("It has 1,169 pages.", "1169 pages are in it."),
        ("max_connections defaults to 100.", "Max connections: default 100"),
        ("It stores data.", "It stores data, but does not share it."),
        ("It stores not only data.", "It stores data."),
    ],
)
def test_the_same_said_otherwise_is_not_held_against_it(claim: str, passage: str):
    assert not speaks_against(claim, passage)


def test_headings_name_what_a_passage_is_about():
    claim = "The default of max_connections is 100."
    assert speaks_against(claim, "The default is 100.")
    assert not speaks_against(claim, "The default is 100.", "max_connections")


def test_coverage_is_the_share_of_content_words():
    claim = statement("The heron eats small fish")
    assert coverage(claim, statement("A heron was eating fish"), NOTHING) == 0.75
    assert coverage(statement("It is."), statement("It is."), NOTHING) == 0.0


def test_a_name_taken_from_the_sentence_beside_is_noticed():
    parts = [statement("Then Anna Berg won."), statement("The cup went to Carl Lund in May.")]
    assert renamed(statement("The cup went to Anna Berg in May."), parts, NOTHING)
    assert not renamed(statement("The cup went to Carl Lund in May."), parts, NOTHING)


def test_a_name_that_a_pronoun_stands_for_is_no_other_name():
    parts = [statement("Anna Berg was there."), statement("She made 118 tackles.")]
    assert not renamed(statement("Then Anna Berg made 118 tackles."), parts, NOTHING)


def test_a_number_that_is_said_of_something_else_is_noticed():
    claim = statement("The warranty on the probe lasts 26 months.")
    warranty = statement("The warranty on the probe is three years.")
    cell = statement("The cell lasts 26 months.")
    assert [overlap(claim, said) for said in (warranty, cell)] == [2, 1]
    assert misplaced(claim, [cell], most=2)
    assert not misplaced(statement("The cell lasts 26 months."), [cell], most=2)


def test_a_number_may_be_said_of_what_a_pronoun_stands_for():
    parts = [statement("The gateway is white."), statement("It weighs 420 grams.")]
    claim = statement("The white gateway weighs 420 grams.")
    assert not misplaced(claim, parts, most=3)
    assert misplaced(claim, parts[1:], most=3)
