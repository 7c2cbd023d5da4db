import math

import numpy as np
import pytest

from rag_pipelines.models.evaluation import Asked, held_out_texts, is_held_out
from rag_pipelines.models.quality import (
    answer_quality,
    greedy_agreement,
    logits_agreement,
    perplexity,
    token_f1,
)
from rag_pipelines.records import Chunk


def asked(*expected: str, passages: tuple[str, ...] = ()) -> Asked:
    return Asked("How long?", "", "", list(passages), list(expected))


def test_perplexity_is_the_exponential_of_the_mean_loss_of_a_token():
    value, spread = perplexity([[math.log(2), math.log(8)], [math.log(4)]])["perplexity"]
    assert value == pytest.approx(4)
    assert spread == pytest.approx(0)


def test_perplexity_has_the_interval_of_its_windows():
    value, spread = perplexity([[1.0], [3.0]])["perplexity"]
    assert spread == pytest.approx(value * 1.96 * math.sqrt(2) / math.sqrt(2))


def test_token_f1_is_that_of_squad():
    assert token_f1("The three years.", "three years") == 1
    assert token_f1("three long years", "three years") == pytest.approx(0.8)
    assert token_f1("never", "three years") == 0
    assert token_f1("", "") == 1


def test_an_answer_counts_against_the_nearest_of_what_is_expected():
    found = answer_quality([asked("two", "three years")], ["Three years!"])
    assert found["answer_exact_match"] == (1, 0)
    assert found["answer_f1"] == (1, 0)


def test_a_sentence_without_support_is_not_grounded():
    passage = "The warranty on the probe is three years from the day of purchase."
    good = asked("three years", passages=(passage,))
    found = answer_quality([good, good], [passage, "Elephants sleep in tall trees at noon."])
    assert found["answer_grounded"][0] == pytest.approx(0.5)


def test_logits_that_are_the_same_agree_and_others_do_not():
    logits = np.array([[0.0, 2.0], [3.0, 0.0]], np.float32)
    same = logits_agreement(logits, logits)
    assert (same["agreement_top1"][0], same["agreement_kl_nats"][0]) == (1, 0)
    other = logits_agreement(logits[:, ::-1], logits)
    assert other["agreement_top1"][0] == 0
    assert other["agreement_logits_max"][0] == 3
    # KL of (p, 1-p) against (1-p, p) is (2p - 1) times the logit, here 2 and 3.
    expected = [(2 / (1 + math.exp(-z)) - 1) * z for z in (2, 3)]
    assert other["agreement_kl_nats"][0] == pytest.approx(np.mean(expected))


def test_greedy_agreement_ends_with_the_first_token_that_differs():
    shares = greedy_agreement([[1, 2, 3, 4], [], [5]], [[1, 2, 9, 4], [], []])
    assert shares["agreement_greedy"][0] == pytest.approx((0.5 + 1 + 0) / 3)


def test_one_page_in_five_is_held_out_by_its_address_alone():
    urls = [f"https://example.org/{n}" for n in range(2000)]
    held = [url for url in urls if is_held_out(url, seed=0)]
    assert held == [url for url in urls if is_held_out(url, seed=0)]
    assert 0.17 < len(held) / len(urls) < 0.23
    assert held != [url for url in urls if is_held_out(url, seed=1)]


def test_held_out_texts_are_whole_pages_in_the_order_of_their_chunks():
    url = next(
        f"https://example.org/{n}" for n in range(99) if is_held_out(f"https://example.org/{n}", 0)
    )
    other = next(
        f"https://example.org/{n}"
        for n in range(99)
        if not is_held_out(f"https://example.org/{n}", 0)
    )
    chunks = [chunk(url, 1, "second"), chunk(other, 0, "learned from"), chunk(url, 0, "first")]
    assert held_out_texts(chunks, seed=0, characters=100) == ["first\nsecond"]


def chunk(url: str, position: int, text: str) -> Chunk:
    return Chunk(
        id=f"{url}{position}", source="s", url=url, title="", heading="", text=text, tokens=1,
        position=position,
    )  # fmt: skip
