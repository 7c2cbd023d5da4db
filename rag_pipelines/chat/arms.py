"""What people think of the champion's answers and of the challenger's, counted by arm.

A rating counts for the arm that its user was drawn for, whoever wrote the words in the end: where
extractive sentences stood in for a model, that is part of what its users got. Knows ratings and
intervals; does not know where feedback is kept.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.chat.history.protocol import Feedback
from rag_pipelines.chat.trials import is_tried_on
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.publish import Pointer

LEVEL = 0.95
"""Of every interval here."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Ratings of one arm since the trial began; `low` and `high` bound the share of thumbs up.

    The interval is Wilson's, the whole range where nobody rated.
    """

    model: ModelRef
    up: int
    down: int
    low: float
    high: float

    @property
    def rated(self) -> int:
        return self.up + self.down

    @property
    def share_up(self) -> float:
        """Not a number where nobody rated."""
        return self.up / self.rated if self.rated else math.nan


@dataclass(frozen=True, slots=True)
class Arms:
    """A trial so far. `low` and `high` bound the challenger's share up less the champion's."""

    champion: Arm
    challenger: Arm
    share: float
    since: str
    low: float
    high: float

    @property
    def conclusion(self) -> str:
        """What the interval of the difference allows to say."""
        if self.low > 0:
            return "people prefer the challenger: rag models promote NAME"
        if self.high < 0:
            return "people prefer the champion"
        return "no difference is shown yet"


def arms_of(feedback: Sequence[Feedback], pointer: Pointer | None) -> Arms | None:
    """Ratings by arm, of answers since the trial began; None where nothing is tried.

    The difference's interval joins the two of Wilson, as R. G. Newcombe has it (1998, method 10).
    """
    if pointer is None or pointer.trial is None:
        return None
    trial, counted = pointer.trial, Counter[tuple[bool, str]]()
    for one in feedback:
        if one.created_at >= pointer.tried_since:
            counted[is_tried_on(trial, one.user_id, one.session_id), one.rating] += 1
    champion = _arm(pointer.model, counted[False, "up"], counted[False, "down"])
    challenger = _arm(trial.model, counted[True, "up"], counted[True, "down"])
    low, high = _difference(challenger, champion)
    return Arms(champion, challenger, trial.share, pointer.tried_since, low, high)


def _arm(model: ModelRef, up: int, down: int) -> Arm:
    from scipy.stats import binomtest

    if not up + down:
        return Arm(model, up, down, 0.0, 1.0)
    found = binomtest(up, up + down).proportion_ci(LEVEL, method="wilson")
    return Arm(model, up, down, float(found.low), float(found.high))


def _difference(first: Arm, second: Arm) -> tuple[float, float]:
    if not (first.rated and second.rated):
        return -1.0, 1.0
    p, q = first.share_up, second.share_up
    below = math.hypot(p - first.low, second.high - q)
    above = math.hypot(first.high - p, q - second.low)
    return p - q - below, p - q + above
