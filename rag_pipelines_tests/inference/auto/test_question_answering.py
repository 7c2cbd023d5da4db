"""A reader that learned two questions by heart: spans, none, long texts, whole words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.auto.question_answering import QuestionAnswering, _whole_words
from rag_pipelines_tests.inference import tiny_models
from rag_pipelines_tests.inference.tiny_models import FACTS, FERRY, WARRANTY

TOLD = [fact.format(number="eleven", edition=3) for fact in FACTS]
OTHERS = " ".join(TOLD[2:])


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> QuestionAnswering:
    folder = tiny_models.trained_reader(tmp_path_factory.mktemp("reader"))
    return load(QuestionAnswering, folder, "cpu", threads=1)


def test_a_span_stands_in_its_text(reader: QuestionAnswering):
    context = f"{TOLD[2]}\n\n{TOLD[1]}"
    [span] = reader.run([(WARRANTY, context)])
    assert span is not None
    assert span.text == "eleven years" == context[span.start : span.end]
    assert span.score > 0


@pytest.mark.parametrize("question", [WARRANTY, FERRY])
def test_a_text_that_does_not_tell_gives_none(reader: QuestionAnswering, question: str):
    assert reader.run([(question, OTHERS), (question, ""), (question, " \n ")]) == [None] * 3


def test_an_answer_far_into_a_long_text_is_found_in_one_of_its_windows(reader: QuestionAnswering):
    context = " ".join([OTHERS] * 6 + [TOLD[1]] + [OTHERS] * 3)
    assert len(list(reader.spans(WARRANTY, context))) > 5
    answer, none = reader.run([(WARRANTY, context), (FERRY, context)])
    assert answer is not None
    assert (answer.text, answer.start) == ("eleven years", context.index("eleven years"))
    assert none is None


def test_a_long_question_leaves_room_for_the_text(reader: QuestionAnswering):
    assert all(span.text in TOLD[1] for span in reader.spans(WARRANTY * 50, TOLD[1]))


def test_letters_that_change_under_normalisation_keep_their_places(reader: QuestionAnswering):
    context = f"É\u0301\ufb01 ẞ \ud800 😀 {TOLD[1]}"
    [span] = reader.run([(WARRANTY, context)])
    assert span is not None
    assert context[span.start : span.end] == "eleven years"


@pytest.mark.parametrize("make", [tiny_models.roberta_reader, tiny_models.distilbert_reader])
def test_models_without_token_types_and_with_shifted_positions_read_long_texts(
    make: Callable[[Path], Path], tmp_path: Path
):
    reader = load(QuestionAnswering, make(tmp_path), "cpu", threads=1)
    context = OTHERS * 9
    spans = list(reader.spans(WARRANTY, context))
    assert len(spans) > 5
    assert all(context[span.start : span.end] == span.text for span in spans)


def test_a_vocabulary_without_a_tokenizer_json_will_do(reader: QuestionAnswering, tmp_path: Path):
    reader._parts.model.save_pretrained(tmp_path)
    words = reader._parts.tokenizer.get_vocab()
    (tmp_path / "vocab.txt").write_text("\n".join(sorted(words, key=lambda word: words[word])))
    plain = load(QuestionAnswering, tmp_path, "cpu", threads=1)
    assert plain.run([(WARRANTY, TOLD[1])]) == reader.run([(WARRANTY, TOLD[1])])


def test_an_answer_is_no_longer_than_it_may_be(reader: QuestionAnswering):
    assert [span.text for span in reader.spans(WARRANTY, TOLD[1], longest=1)] != ["eleven years"]


@pytest.mark.parametrize(
    ("context", "cut", "whole"),
    [
        ("lasts twelve years.", (8, 12), "twelve"),
        ("costs 1,200.50 EUR.", (8, 9), "1,200.50"),
        ("is  over . ", (2, 9), "over"),
        ("保修期为两年零三个月", (4, 6), "两年"),
        ("naïve users", (3, 5), "naïve"),
    ],
)
def test_a_span_takes_the_whole_of_the_words_that_it_cuts(
    context: str, cut: tuple[int, int], whole: str
):
    span = _whole_words(context, *cut, 1.0)
    assert span.text == whole == context[span.start : span.end]


@pytest.mark.gpu
def test_a_gpu_finds_the_same_span(reader: QuestionAnswering, tmp_path: Path):
    reader._parts.model.save_pretrained(tmp_path)
    reader._parts.tokenizer.save_pretrained(tmp_path)
    [span] = load(QuestionAnswering, tmp_path, "cuda").run([(WARRANTY, TOLD[1])])
    assert span is not None
    assert span.text == "eleven years"
