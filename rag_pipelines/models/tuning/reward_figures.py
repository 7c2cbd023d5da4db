"""How well a reward model ranks held-out pairs, and whether it knows how well.

Knows margins: how much higher the chosen answer of a pair scores. Knows no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from statistics import mean
from typing import Final

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs of about the same confidence: how many, how sure, and how often right."""

    pairs: int
    confidence: float
    accuracy: float


def reward_figures(margins: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Of each split that has pairs: how many, accuracy, mean margin and calibration error."""
    return {
        f"{split}_{name}": value
        for split, found in margins.items()
        if found
        for name, value in (
            ("pairs", len(found)),
            ("accuracy", accuracy(found)),
            ("margin", mean(found)),
            ("calibration_error", calibration_error(found)),
        )
    }


def accuracy(margins: Sequence[float]) -> float:
    """Share of the pairs whose chosen answer scores higher."""
    return sum(margin > 0 for margin in margins) / len(margins)


def reliability(margins: Sequence[float]) -> list[Bin]:
    """Bins of equal width from a half to one, those without pairs left out.

    The confidence in a ranking is sigmoid(|margin|), by Bradley and Terry's model; the ranking is
    right where the margin is positive.
    """
    sure = [(1 / (1 + exp(-min(abs(margin), 700.0))), margin > 0) for margin in margins]
    found: list[Bin] = []
    for number in range(BINS):
        inside = [one for one in sure if min(int((one[0] - 0.5) * 2 * BINS), BINS - 1) == number]
        if inside:
            confidences, right = zip(*inside, strict=True)
            found.append(Bin(len(inside), mean(confidences), mean(map(float, right))))
    return found


def calibration_error(margins: Sequence[float]) -> float:
    """How far confidence is from accuracy, on average over pairs.

    Expected calibration error, https://arxiv.org/abs/1706.04599, equation 3.
    """
    gaps = [one.pairs * abs(one.accuracy - one.confidence) for one in reliability(margins)]
    return sum(gaps) / len(margins)
