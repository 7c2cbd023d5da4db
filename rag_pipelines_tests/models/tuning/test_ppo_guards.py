import re

import pytest

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.tuning.ppo_guards import (
    Begun,
    require_answers,
    require_finite,
    require_near,
    require_reward,
)

BEGUN = Begun(centre=2.0, spread=0.5)


def test_one_answer_to_everything_is_a_collapse():
    with pytest.raises(ArtifactError, match="4 different prompts have one and the same answer"):
        require_answers(["a", "b", "c", "d"], ["yes"] * 4)


def test_one_answer_to_one_question_is_none():
    require_answers(["a"] * 4, ["yes"] * 4)
    require_answers(["a", "b", "c", "d"], ["yes", "yes", "yes", "no"])


def test_silence_is_a_collapse():
    with pytest.raises(ArtifactError, match="every answer is empty: the reward collapsed"):
        require_answers(["a", "b"], ["", ""])


def test_a_reward_that_stays_below_where_it_began_is_a_collapse():
    require_reward([2.0, 1.6, 1.6], BEGUN, 3)
    with pytest.raises(ArtifactError, match=re.escape("scored 1.33, and the parent scored 2.00")):
        require_reward([2.0, 1.0, 1.0, 2.0], BEGUN, 4)


def test_one_bad_rollout_is_none():
    require_reward([2.0, 2.0, 0.9], BEGUN, 3)
    require_reward([0.0], BEGUN, 1)


def test_what_left_its_parent_behind_is_stopped():
    require_near(29.0, 30.0, 1)
    with pytest.raises(ArtifactError, match=r"31.0 nats away from the parent's, more than most_kl"):
        require_near(31.0, 30.0, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_told_with_the_remedy(value: float):
    with pytest.raises(ArtifactError, match=r"the loss is (nan|inf).*lower learning_rate"):
        require_finite("loss", value)
