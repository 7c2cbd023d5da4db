"""The gate: whether a challenger is better than the champion, by a paired test, within limits.

A challenger is promoted where it finds held-out answers likelier than the champion does, by
Wilcoxon's signed-rank test on the same answers (which no single strange answer decides, and which
asks for no normal distribution), at a level that Holm's method divides among all that are tried;
where its answers to golden questions are not worse; and where it is not slower or larger than is
allowed. Knows figures alone: does not measure, and promotes nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import mean, stdev
from typing import Any

from rag_pipelines.models.config import Gate
from rag_pipelines.models.figures import Figures, heading

LATENCY, MEMORY = "ttft_ms_p95", "peak_rss_bytes"
_INTERVAL = 1.96
"""Standard errors on either side of a mean that hold it 95 times of 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model as the gate sees it.

    `likelihoods` are nats a token by the id of a held-out answer, `answers` the F1 of each golden
    question in their order, `figures` those of the comparison. `disqualified` says why the
    comparison does not rank it.
    """

    variant: str
    digest: str
    likelihoods: Mapping[str, float]
    answers: Sequence[float]
    figures: Figures
    disqualified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the gate found of one challenger.

    `difference` is in nats a token, its own less the champion's, with the bounds of its 95 %
    interval; `wins` counts answers that it finds likelier, of `examples`. `p` is one-sided and not
    yet divided among those that are tried. What is `disqualified` is not tried on users either.
    """

    variant: str
    digest: str
    passed: bool
    reason: str
    examples: int = 0
    wins: int = 0
    difference: float = 0.0
    low: float = 0.0
    high: float = 0.0
    p: float = 1.0
    disqualified: bool = False
    """It is not to be tried at all, whatever it was found to be."""


def judged(champion: Candidate, challengers: Sequence[Candidate], gate: Gate) -> list[Judgement]:
    """Each challenger's judgement, in their order."""
    found = [_tested(champion, one, gate) for one in challengers]
    levels = _holm([one.p for one in found], gate.level)
    return [
        _within(champion, challenger, one, level, gate)
        for challenger, one, level in zip(challengers, found, levels, strict=True)
    ]


def _tested(champion: Candidate, challenger: Candidate, gate: Gate) -> Judgement:
    """The paired test alone."""
    from scipy.stats import wilcoxon

    both = champion.likelihoods.keys() & challenger.likelihoods.keys()
    common = sorted(both if _are_numbers(challenger) else ())
    differences = [challenger.likelihoods[one] - champion.likelihoods[one] for one in common]
    plain = Judgement(
        variant=challenger.variant, digest=challenger.digest, passed=False, reason="",
        examples=len(common),
    )  # fmt: skip
    if len(common) < max(gate.least_examples, 2):
        return plain
    middle = mean(differences)
    error = _INTERVAL * stdev(differences) / len(differences) ** 0.5
    found: Any = wilcoxon(differences, alternative="greater") if any(differences) else None
    p = float(found.pvalue) if found else 1.0
    return replace(
        plain, wins=sum(one > 0 for one in differences), difference=middle,
        low=middle - error, high=middle + error, p=p,
    )  # fmt: skip


def _are_numbers(candidate: Candidate) -> bool:
    return all(isfinite(one) for one in candidate.likelihoods.values())


def _holm(chances: Sequence[float], level: float) -> list[float]:
    """The level of each, so that one wrong promotion is as rare as `level` among all of them.

    S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    levels, order = [0.0] * len(chances), sorted(range(len(chances)), key=chances.__getitem__)
    for place, number in enumerate(order):
        levels[number] = level / (len(chances) - place)
        if chances[number] > levels[number]:
            break
    return levels


def _within(
    champion: Candidate, challenger: Candidate, found: Judgement, level: float, gate: Gate
) -> Judgement:
    unfit = challenger.disqualified or _broken(challenger)
    why = (
        unfit
        or _too_few(found, gate)
        or _not_better(found, champion, level)
        or _worse_answers(champion, challenger, gate)
        or _beyond(champion, challenger, LATENCY, gate.latency)
        or _beyond(champion, challenger, MEMORY, gate.memory)
    )
    if why:
        return replace(found, reason=why, disqualified=bool(unfit))
    return replace(found, passed=True, reason=_better(found))


def _broken(challenger: Candidate) -> str:
    if _are_numbers(challenger):
        return ""
    return f"{challenger.variant} gives likelihoods that are no numbers: train it again"


def _too_few(found: Judgement, gate: Gate) -> str:
    if found.examples >= gate.least_examples:
        return ""
    return (
        f"{found.variant} was tried on {found.examples} held-out answers, and "
        f"{gate.least_examples} are needed: gather more examples, or lower gate.least_examples"
    )


def _not_better(found: Judgement, champion: Candidate, level: float) -> str:
    if found.p <= level and found.difference > 0:
        return ""
    return f"{found.variant} is not shown to be better than {champion.variant}: {_told(found)}"


def _worse_answers(champion: Candidate, challenger: Candidate, gate: Gate) -> str:
    """Why its answers to golden questions are too bad; both were asked the same."""
    if not champion.answers or not challenger.answers:
        return ""
    lost = mean(champion.answers) - mean(challenger.answers)
    if lost <= gate.answers_loss:
        return ""
    return (
        f"{challenger.variant} answers golden questions worse: F1 "
        f"{mean(challenger.answers):.2f} against {mean(champion.answers):.2f}, and "
        f"{gate.answers_loss:g} may be lost"
    )


def _beyond(champion: Candidate, challenger: Candidate, name: str, factor: float) -> str:
    """Why it costs too much of something that both were measured by."""
    if name not in champion.figures or name not in challenger.figures:
        return ""
    ours, theirs = challenger.figures[name].value, champion.figures[name].value
    if ours <= theirs * factor:
        return ""
    shown = heading(name)
    return (
        f"{challenger.variant} has {shown.title} {shown.shown(ours)} against "
        f"{shown.shown(theirs)}, and {factor:g} times that is allowed"
    )


def _better(found: Judgement) -> str:
    return f"{found.variant} finds held-out answers likelier: {_told(found)}"


def _told(found: Judgement) -> str:
    return (
        f"{found.difference:+.3f} nats a token ({found.low:+.3f} to {found.high:+.3f}), "
        f"{found.wins} of {found.examples} answers, p {found.p:.2g}"
    )
