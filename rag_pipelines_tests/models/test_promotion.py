"""Who passes the gate: on made-up likelihoods, so that the right answer is known."""

import random
import re
from dataclasses import replace

import pytest

from rag_pipelines.models.config import Gate
from rag_pipelines.models.figures import Figure
from rag_pipelines.models.promotion import LATENCY, MEMORY, Candidate, Judgement, judged
from rag_pipelines.models.promotion_plot import judgements_png

GATE = Gate()
FIGURES = {LATENCY: Figure(100.0), MEMORY: Figure(1e9)}


def candidate(
    variant: str, better: float = 0.0, examples: int = 40, noise: float = 0.1, seed: int = 0
) -> Candidate:
    """A model that finds answers likelier by so many nats a token, give or take."""
    drawn = random.Random(seed)
    return Candidate(
        variant=variant,
        digest=f"{variant} {better}",
        likelihoods={f"{n}": -2.0 + better + drawn.gauss(0, noise) for n in range(examples)},
        answers=[0.5] * 8,
        figures=FIGURES,
    )


CHAMPION = candidate("base", seed=99)


def of(challenger: Candidate, gate: Gate = GATE) -> Judgement:
    (found,) = judged(CHAMPION, [challenger], gate)
    return found


def test_what_finds_held_out_answers_likelier_passes_with_its_figures():
    found = of(candidate("lora", better=0.3))
    assert found.passed
    assert found.examples == 40
    assert found.wins > 35
    assert found.low < found.difference < found.high
    assert found.difference == pytest.approx(0.3, abs=0.1)
    assert "likelier" in found.reason


@pytest.mark.parametrize("better", [0.0, -0.3])
def test_what_is_the_same_or_worse_stays_out(better: float):
    found = of(candidate("lora", better=better))
    assert not found.passed
    assert "not shown to be better than base" in found.reason


def test_the_very_same_model_is_not_better():
    found = of(replace(CHAMPION, variant="copy"))
    assert (found.passed, found.p, found.wins) == (False, 1.0, 0)


def test_one_strange_answer_decides_nothing():
    strange = candidate("odd", better=-0.05, noise=0.01)
    strange = replace(strange, likelihoods={**strange.likelihoods, "0": 500.0})
    assert not of(strange).passed


def test_too_few_answers_are_told_with_the_remedy():
    found = of(candidate("lora", better=3.0, examples=12))
    assert not found.passed
    assert "tried on 12 held-out answers, and 20 are needed" in found.reason


def test_only_answers_that_both_were_tried_on_count():
    half = candidate("lora", better=1.0)
    half = replace(half, likelihoods={f"other {n}": v for n, v in half.likelihoods.items()})
    assert of(half).examples == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"answers": [0.3] * 8}, r"answers golden questions worse: F1 0\.30 against 0\.50"),
        ({"figures": {**FIGURES, LATENCY: Figure(200.0)}}, "first token p95, ms 200 against 100"),
        ({"figures": {**FIGURES, MEMORY: Figure(2e9)}}, "peak RSS, MiB .* 1.25 times that"),
        ({"disqualified": "it lost too much"}, "it lost too much"),
    ],
)
def test_better_is_not_enough_where_a_limit_is_passed(changed: dict[str, object], why: str):
    found = of(replace(candidate("lora", better=0.3), **changed))
    assert not found.passed
    assert re.search(why, found.reason)


def test_likelihoods_that_are_no_numbers_are_told_and_stop_nobody_else():
    broken = candidate("broken", better=0.3)
    broken = replace(broken, likelihoods={**broken.likelihoods, "0": float("nan")})
    found, other = judged(CHAMPION, [broken, candidate("lora", better=0.3)], GATE)
    assert not found.passed
    assert found.disqualified
    assert "no numbers: train it again" in found.reason
    assert other.passed


def test_among_many_a_lucky_one_must_be_better_than_by_luck():
    """Of 200 that are the same as the champion a twentieth would pass, each tried alone."""
    lucky = [candidate(f"c{n}", seed=n) for n in range(200)]
    assert sum(of(one).passed for one in lucky) > 0
    assert not any(one.passed for one in judged(CHAMPION, lucky, GATE))
    among = judged(CHAMPION, [*lucky, candidate("better", better=0.3)], GATE)
    assert [one.variant for one in among if one.passed] == ["better"]


def test_a_picture_shows_every_challenger():
    found = judged(CHAMPION, [candidate("a", 0.3), candidate("b", -0.2)], GATE)
    assert judgements_png(found, "base").startswith(b"\x89PNG")
