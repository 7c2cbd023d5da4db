"""Which variant wins, and why, in words.

Knows ranked rows and the weights they were ranked by. Does not rank.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.models.config import Weights
from rag_pipelines.models.scoring import Row, percent, uncertainty, weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The winner, its score and the reason; no winner where nothing could be ranked."""

    winner: str | None
    score: float | None
    reason: str


def verdict_of(
    rows: Sequence[Row], weights: Weights, base: str, without_answers: str = ""
) -> Verdict:
    """The verdict on rows that are ranked, best first.

    `without_answers` says why answers are not among the weights although they were to count.
    """
    in_the_race = [row for row in rows if row.score is not None]
    if not in_the_race:
        reason = f"No variant could be ranked: {_why_none(rows, base)}."
        return Verdict(winner=None, score=None, reason=reason)
    winner = in_the_race[0]
    sentences = [_praise(winner, weights, base), _lead(in_the_race, weights)]
    out = sum(bool(row.disqualified) for row in rows)
    sentences.append(f"{out} not ranked." if out else "")
    sentences.append(f"Answers do not count: {without_answers}." if without_answers else "")
    reason = " ".join(filter(None, sentences))
    return Verdict(winner=winner.variant, score=winner.score, reason=reason)


def _praise(winner: Row, weights: Weights, base: str) -> str:
    shares = weighed(weights)
    by = ", ".join(f"{name} {share:.0%}".replace("%", " %") for name, share in shares.items())
    if winner.variant == base:
        return f"{base} wins: no variant makes up for what it loses, by {by}."
    ratios = ", ".join(f"{name} {winner.ratios[name]:.2f}" for name in shares)
    return f"{winner.variant} scores {winner.score:.2f} times the base ({ratios}), by {by}."


def _lead(in_the_race: Sequence[Row], weights: Weights) -> str:
    """How far ahead of the next, and whether the spreads leave that open."""
    if len(in_the_race) == 1:
        return "Nothing else was ranked."
    first, second = in_the_race[:2]
    if not second.score:
        return f"{second.variant}, the next, answers nothing right."
    lead = (first.score or 0) / second.score - 1
    if lead < 1e-9:
        return (
            f"It ties with {second.variant} and goes first for its quality, its size or its name."
        )
    open_ = lead <= math.hypot(*(uncertainty(row, weights) for row in (first, second)))
    doubt = ", which is within the spread of the figures" if open_ else ""
    return f"It is {percent(lead)} ahead of {second.variant}{doubt}."


def _why_none(rows: Sequence[Row], base: str) -> str:
    if not any(row.variant == base for row in rows):
        return f"{base}, the base, was not measured, and all is relative to it"
    return "; ".join(row.disqualified for row in rows)
