"""Ratings by arm, with the intervals that they allow."""

import pytest

from rag_pipelines.chat.arms import Arms, arms_of
from rag_pipelines.chat.history.protocol import Feedback
from rag_pipelines.chat.trials import is_tried_on
from rag_pipelines.records import ModelRef, Trial
from rag_pipelines.retrieval.publish import Pointer

TRIAL = Trial(ModelRef("onnx:tuned", "c" * 64), 0.5)
POINTER = Pointer(
    generation=2,
    release="r1",
    model=ModelRef("onnx:base", "b" * 64),
    trial=TRIAL,
    tried_since="2026-11-20T00:00:00+00:00",
)


def rated(number: int, up: bool, at: str = "2026-11-21T00:00:00+00:00") -> Feedback:
    return Feedback(
        user_id=f"user-{number}",
        answer_id=f"a{number}",
        session_id="s",
        rating="up" if up else "down",
        question="?",
        answer="!",
        model="extractive:",
        created_at=at,
    )


def by_arm(likes: float, likes_challenger: float, users: int = 400) -> list[Feedback]:
    """Each user's opinion; of each arm that share is up."""
    rows, seen = list[Feedback](), {True: 0, False: 0}
    for number in range(users):
        arm = is_tried_on(TRIAL, f"user-{number}", "s")
        share = likes_challenger if arm else likes
        rows.append(rated(number, int(seen[arm] * share) < int((seen[arm] + 1) * share)))
        seen[arm] += 1
    return rows


def found(feedback: list[Feedback]) -> Arms:
    arms = arms_of(feedback, POINTER)
    assert arms is not None
    return arms


def test_ratings_count_for_the_arm_that_the_user_was_drawn_for():
    arms = found(by_arm(0.5, 0.8))
    assert arms.champion.rated + arms.challenger.rated == 400
    assert arms.champion.share_up == pytest.approx(0.5, abs=0.02)
    assert arms.challenger.share_up == pytest.approx(0.8, abs=0.02)
    assert arms.low > 0
    assert arms.conclusion.startswith("people prefer the challenger")


def test_worse_is_told_and_too_few_ratings_conclude_nothing():
    assert found(by_arm(0.8, 0.5)).conclusion == "people prefer the champion"
    assert found(by_arm(0.5, 0.8, users=12)).conclusion == "no difference is shown yet"
    assert found([]).conclusion == "no difference is shown yet"


def test_intervals_are_those_of_the_literature():
    """56 of 70 against 48 of 80: Newcombe 1998, table II (a), method 10: .0524 to .3339."""
    drawn = [n for n in range(1_000) if is_tried_on(TRIAL, f"user-{n}", "s")]
    others = [n for n in range(1_000) if n not in drawn]
    rows = [rated(drawn[number], number < 56) for number in range(70)]
    rows += [rated(others[number], number < 48) for number in range(80)]
    arms = found(rows)
    assert [arms.low, arms.high] == pytest.approx([0.0524, 0.3339], abs=1e-4)


def test_what_was_said_before_the_trial_does_not_count():
    assert found([rated(1, True, "2026-11-19T00:00:00+00:00")]).champion.rated == 0
    assert arms_of([], None) is None
