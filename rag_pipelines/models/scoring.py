"""One variant against its base: ratios, the limit on what it may lose, a score, a rank.

The score is the weighted geometric mean of four ratios to the base, each above 1 where the
variant is better: quality (base perplexity / perplexity), answers (F1 on the golden questions / the
base's), speed (tokens per CPU second / the base's) and size (base bytes / bytes on disk). Ratios
multiply, so their mean is the geometric one: half the size and half the speed cancel out, no unit
counts, and the ranking is the same whichever variant is the reference (Fleming and Wallace, "How
not to lie with statistics", CACM 29(3), 1986). A variant that answers nothing right scores 0.
Speed is by CPU seconds, which a busy machine disturbs least.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rag_pipelines.models.config import Weights
from rag_pipelines.models.figures import ANSWERS, PERPLEXITY, SIZE, SPEED, Figures, heading

CRITERIA = {"quality": PERPLEXITY, "answers": ANSWERS, "speed": SPEED, "size": SIZE}
"""What is weighed, and the figure that it goes by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variant and what was measured of it.

    `ratios` are by criterion, those that could be taken. A variant that is not ranked has neither
    `score` nor `rank` (1 is the best), and `disqualified` says why.
    """

    variant: str
    digest: str
    parent: str
    method: str
    figures: Figures
    ratios: Mapping[str, float] = field(default_factory=dict[str, float])
    score: float | None = None
    rank: int | None = None
    disqualified: str = ""


def scored(row: Row, base: Figures, weights: Weights, allowed_loss: float | None) -> Row:
    """The row with its ratios to the base, and with a score or the reason why it has none.

    `allowed_loss` is the share of the base's perplexity that it may lose; None for the base.
    """
    row = replace(row, ratios=_ratios(row.figures, base))
    if why := _lacking(row, base, weights) or _lost_too_much(row, base, allowed_loss):
        return replace(row, disqualified=why)
    return replace(row, score=_score(row.ratios, weighed(weights)))


def ranked(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Best first and those without a score last, by name.

    Of equal scores the better quality goes first, then the smaller, then by name.
    """
    rows = list(rows)
    in_order = sorted((row for row in rows if row.score is not None), key=_place)
    others = sorted((row for row in rows if row.score is None), key=lambda row: row.variant)
    return (*(replace(row, rank=place) for place, row in enumerate(in_order, 1)), *others)


def weighed(weights: Weights) -> dict[str, float]:
    """The criteria that count, with their shares of 1."""
    given = {name: getattr(weights, name) for name in CRITERIA}
    return {name: weight / sum(given.values()) for name, weight in given.items() if weight}


def counting(weights: Weights, base: Figures) -> tuple[Weights, str]:
    """The weights, without that of the answers where no ratio of them can be taken, and why not.

    They stay where nothing else counts: then nobody can be ranked.
    """
    if not (base and weights.answers) or _ratios(base, base).get("answers"):
        return weights, ""
    others = weights.model_copy(update={"answers": 0.0})
    if not any(getattr(others, name) for name in CRITERIA):
        return weights, ""
    why = "the base has none right to go by" if ANSWERS in base else "no golden question was asked"
    return others, why


def uncertainty(row: Row, weights: Weights) -> float:
    """Spread of the score as a share of it, from the spreads of the row's own figures.

    The base's spreads are left out: they move every score alike. Figures are taken as independent,
    which is cautious where variants read the same text. Answers to few questions spread widely.
    """
    shares = [
        share * figure.spread / figure.value
        for name, share in weighed(weights).items()
        if (figure := row.figures.get(CRITERIA[name])) and figure.value
    ]
    return math.hypot(*shares)


def percent(share: float) -> str:
    """A share in words, with a decimal where it is small."""
    return f"{share * 100:.{0 if abs(share) >= 0.095 else 1}f} %"


def _ratios(figures: Figures, base: Figures) -> dict[str, float]:
    ratios: dict[str, float] = {}
    for criterion, name in CRITERIA.items():
        if _is_measured(figures, name) and base.get(name) and base[name].value > 0:
            own, reference = figures[name].value, base[name].value
            more = heading(name).better == "more"
            ratios[criterion] = own / reference if more else reference / own
    return ratios


def _is_measured(figures: Figures, name: str) -> bool:
    """Whether the figure can be weighed: none right of all answers is a figure, no speed is not."""
    figure = figures.get(name)
    return figure is not None and (figure.value > 0 or (name == ANSWERS and figure.value == 0))


def _lacking(row: Row, base: Figures, weights: Weights) -> str:
    """What keeps the variant from being weighed. Quality is always needed: it has a limit."""
    for criterion in {"quality": 1.0, **weighed(weights)}:
        if criterion not in row.ratios:
            name = CRITERIA[criterion]
            own = _is_measured(row.figures, name)
            return f"{row.variant} has no measured {name}{' of the base to go by' if own else ''}"
    return ""


def _lost_too_much(row: Row, base: Figures, allowed: float | None) -> str:
    lost = row.figures[PERPLEXITY].value / base[PERPLEXITY].value - 1
    if allowed is None or lost <= allowed:
        return ""
    lost_and_allowed = f"{percent(lost)} of the base's perplexity, {percent(allowed)} allowed"
    return f"{row.variant} loses {lost_and_allowed}"


def _score(ratios: Mapping[str, float], shares: Mapping[str, float]) -> float:
    return math.prod(ratios[name] ** share for name, share in shares.items())


def _place(row: Row) -> tuple[float, float, float, str]:
    # Rounded: scores that differ by the order of an addition alone are equal.
    better = (row.score or 0.0, row.ratios.get("quality", 0.0), row.ratios.get("size", 0.0))
    score, quality, size = (-round(value, 12) for value in better)
    return score, quality, size, row.variant
