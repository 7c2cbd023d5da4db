from pathlib import Path

from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.sentences import best_sentences, split_sentences, words_of
from rag_pipelines.records import Chunk, Hit
from rag_pipelines_tests.inference.asking import pieces

WARRANTY = """# Warranty

The **kettle** comes with a warranty. It lasts three years from the day of purchase.

- Keep the receipt. It proves the date.
- Water damage is not covered (see section 4.) at all.
"""
SHIPPING = "Orders ship from Bremen. Returns are free for thirty days."


def _hit(text: str, rank: int, title: str = "") -> Hit:
    chunk = Chunk(
        id=str(rank), source="s", url=f"/{rank}", title=title, heading="", text=text, tokens=1
    )
    return Hit(chunk, 1 / rank, rank)


HITS = [_hit(SHIPPING, 1, "Shipping"), _hit(WARRANTY, 2, "Warranty")]


def _answer(question: str, hits: list[Hit], max_tokens: int = 200) -> str:
    prompt = Prompt("", "", question, hits, "")
    return "".join(pieces(load_generator("extractive:", Path()), prompt, max_tokens))


def test_sentences_end_at_stops_items_and_headings_and_keep_their_closing_marks():
    assert split_sentences(
        '# A title\nHe said "Stop." Then e.g. this (or that.) And on\nit went.'
    ) == [
        "A title",
        'He said "Stop."',
        "Then e.g. this (or that.)",
        "And on it went.",
    ]
    assert split_sentences("| a | b |\n|---|---|\n1. One\n\nこれは本です。それはペンです。") == [
        "a | b",
        "One",
        "これは本です。",
        "それはペンです。",
    ]


def test_every_sentence_stands_verbatim_in_its_passage():
    folded = " ".join(WARRANTY.split())
    assert all(sentence in folded for sentence in split_sentences(WARRANTY))


def test_words_are_compared_by_their_stem_and_ideographs_one_by_one():
    assert words_of("Warranties LAST") == words_of("warranty lasts")
    assert words_of("日本") == ["日", "本"]


def test_the_sentence_with_the_questions_rare_words_comes_first():
    best = best_sentences("How many years does the warranty last?", HITS)
    assert best[0].text == "It lasts three years from the day of purchase."
    assert best[0].hit is HITS[1]
    assert best == sorted(best, key=lambda sentence: -sentence.score)


def test_a_repeated_sentence_is_given_once():
    twice = [_hit(SHIPPING, 1), _hit(SHIPPING, 2)]
    assert [one.text for one in best_sentences("Where do orders ship from?", twice)] == [
        "Orders ship from Bremen."
    ]


def test_the_answer_is_made_of_the_passages_own_sentences():
    answer = _answer("Are returns free?", HITS)
    assert answer.startswith("Returns are free for thirty days.")


def test_nothing_is_said_where_no_passage_shares_a_word_with_the_question():
    assert _answer("Quantum chromodynamics?", HITS) == ""
    assert _answer("Anything?", []) == ""


def test_the_answer_stays_within_the_tokens_allowed():
    assert len(_answer("kettle warranty years receipt date", HITS, max_tokens=9).split()) <= 9
