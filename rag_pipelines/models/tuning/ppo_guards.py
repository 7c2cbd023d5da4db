"""When a reinforcement has gone wrong: each case as an error with what to do about it.

Knows figures and texts. Knows no tensors.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from rag_pipelines.errors import ArtifactError

_FEW: Final = 4
"""So many different prompts have different answers, unless a policy says one thing alone."""
_LOOKED_AT: Final = 3
_SMALLEST_MARGIN: Final = 0.1
_NOTHING_KEPT: Final = "nothing was kept; lower learning_rate"
_GENTLER: Final = f"{_NOTHING_KEPT}, or weigh the divergence more (kl_weight of ppo, beta of rloo)"


@dataclass(frozen=True, slots=True)
class Begun:
    """Mean and standard deviation of the scores before anything was learned."""

    centre: float
    spread: float

    @property
    def least(self) -> float:
        """The mean score below which a reward has collapsed: a standard deviation lower."""
        return self.centre - max(self.spread, _SMALLEST_MARGIN)


def require_finite(what: str, value: float) -> None:
    """Raises `ArtifactError` where a figure is not a number."""
    if not isfinite(value):
        raise ArtifactError(f"the {what} is {value}, not a number; {_NOTHING_KEPT}")


def require_near(kl: float, most: float, step: int) -> None:
    """Raises `ArtifactError` where the policy has left its parent too far behind."""
    require_finite("divergence from the parent", kl)
    if kl > most:
        raise ArtifactError(
            f"step {step}: answers are {kl:.1f} nats away from the parent's, more than most_kl: "
            f"{most:g}, and no longer its language; {_GENTLER}"
        )


def require_answers(prompts: Sequence[Hashable], texts: Sequence[str]) -> None:
    """Raises `ArtifactError` where all answers are empty, or one answer is given to everything."""
    if not any(texts):
        raise ArtifactError(f"every answer is empty: the reward collapsed; {_GENTLER}")
    asked = len(set(prompts))
    if asked >= _FEW and len(set(texts)) == 1:
        raise ArtifactError(
            f"{asked} different prompts have one and the same answer ({texts[0][:80]!r}): the "
            f"reward collapsed; {_GENTLER}, or train the reward model on pairs whose rejected "
            "answer is right elsewhere"
        )


def require_reward(rewards: Sequence[float], begun: Begun, step: int) -> None:
    """Raises `ArtifactError` where the last rollouts scored clearly less than the first.

    That is the mean of three of them below the first one's by a standard deviation of its scores.
    """
    last = rewards[-_LOOKED_AT:]
    mean = sum(last) / len(last)
    if len(last) == _LOOKED_AT and mean < begun.least:
        raise ArtifactError(
            f"step {step}: the last {_LOOKED_AT} rollouts scored {mean:.2f}, and the parent scored "
            f"{begun.centre:.2f} (less than {begun.least:.2f} is a collapse); {_GENTLER}"
        )


def require_better(best: float, parent: float) -> None:
    """Raises `ArtifactError` where no validation scored higher than the parent did."""
    if best <= parent:
        raise ArtifactError(
            f"no policy scored higher on validation than the parent did ({parent:.2f}): nothing "
            "was learned, and nothing was kept; lower learning_rate, raise epochs or prompts, or "
            "lower kl_weight"
        )
