"""Which opinion of an answer counts; the scrubber is one that any change shows."""

from collections.abc import Sequence
from dataclasses import replace

from rag_pipelines.chat.history.protocol import Feedback
from rag_pipelines.chat.rated import rated_answers, texts_of
from rag_pipelines_tests.chat.history.talk import opinion, question


class Blacking:
    """Blacks out a name, and counts what it was given."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, text: str, products: Sequence[str]) -> str:
        self.read.append(text)
        return text.replace("Ann", "<PERSON>").replace("Bob", "<PERSON>")


def said(text: str, rating: str = "up", day: int = 1, answer: str = "", **more: str) -> Feedback:
    asked = question(text, answer=answer or f"a-{text}-{day}")
    found = replace(opinion(asked, rating, more.pop("comment", "")), **more)
    return replace(found, created_at=f"2026-01-0{day}T00:00:00.000000Z")


def test_the_last_rating_of_an_answer_counts_whatever_order_they_come_in():
    first, last = said("volts?", "up", 1, "a"), said("volts?", "down", 2, "a")
    for feedback in ([first, last], [last, first]):
        (row,) = rated_answers(feedback, Blacking())
        assert (row.rating, row.created_at) == ("down", last.created_at)


def test_the_same_words_to_the_same_question_are_the_same_answer():
    feedback = [said("How many?", "up", 1), said("how  many?", "down", 2), said("Why?", "up", 3)]
    assert [(row.question, row.rating) for row in rated_answers(feedback, Blacking())] == [
        ("how  many?", "down"),
        ("Why?", "up"),
    ]
    other = [said("How many?", day=1), said("How many?", day=2, answer="b")]
    other[1] = replace(other[1], answer="Another answer.")
    assert len(rated_answers(other, Blacking())) == 2


def test_questions_that_are_the_same_without_names_are_one():
    feedback = [said("I am Ann, why?", "up", 1), said("I am Bob, why?", "down", 2)]
    (row,) = rated_answers(feedback, Blacking())
    assert (row.question, row.rating) == ("I am <PERSON>, why?", "down")


def test_every_text_is_scrubbed_and_nobody_is_named():
    one = said("Ann asks", comment="says Ann", correction="Ann knows")
    one = replace(one, answer="Dear Ann", citations=[replace(one.citations[0], quote="Ann wrote")])
    (row,) = rated_answers([one], Blacking())
    assert texts_of(row) == [
        *("<PERSON> asks", "Dear <PERSON>", "<PERSON> knows", "says <PERSON>", "<PERSON> wrote")
    ]
    assert row.chunk_ids == ["c1"]
    assert row.titles == ["Größe"]
    assert (row.release, row.model, row.prompt) == ("v000001-abc", "fake", "digest")
    assert one.user_id not in repr(row)
    assert one.session_id not in repr(row).replace(one.answer_id, "")


def test_what_was_scrubbed_before_is_not_scrubbed_again():
    scrub = Blacking()
    feedback = [said("Ann asks", day=1), said("Bob asks more", day=2)]
    rows = rated_answers(feedback[:1], scrub)
    known = {(row.answer_id, row.created_at): row for row in rows}
    scrub.read.clear()
    assert rated_answers(feedback, scrub, known)[0] is rows[0]
    assert not [text for text in scrub.read if text == "Ann asks"]
    changed = replace(feedback[0], created_at="2026-01-05T00:00:00.000000Z", comment="Ann again")
    assert rated_answers([changed], scrub, known)[0].comment == "<PERSON> again"
