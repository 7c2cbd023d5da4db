import pytest

from rag_pipelines.retrieval.words import terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("max_connections", "max connections"),
        ("postgresql.conf", "conf"),
        ("RecursiveUrlLoader", "url loader"),
        ("multi-turn", "multiturn"),
        ("e-mail", "email"),
        ("1,169", "1169"),
        ("Müller", "muller"),
        ("warranties", "warranty"),
        ("ﬁle", "file"),
        ("don\u2019t worry", "worry"),
    ],
)
def test_ways_of_writing_one_word_meet(one: str, other: str):
    assert set(terms(other)) <= set(terms(one))


@pytest.mark.parametrize(
    "text",
    ["日本語のテキスト", "हिन्दी में पाठ", "نص عربي", "ข้อความภาษาไทย", "русский текст", "한국어 문장"],
)
def test_no_script_vanishes(text: str):
    assert terms(text)


def test_unspaced_scripts_match_inside_a_run():
    assert set(terms("東京")) <= set(terms("私は東京に住んでいます"))


def test_combining_marks_stay_inside_their_word():
    assert terms("हिन्दी") == ["हिन्दी"]


def test_plural_acronyms_stay_whole():
    assert terms("APIs and LLMs") == ["api", "llms"]


def test_stop_words_and_punctuation_leave_nothing():
    assert terms("What is the, of and --- ... ?") == []


def test_different_numbers_stay_apart():
    assert not set(terms("3.5")) & set(terms("35"))
