"""The formulas against numbers that were worked by hand, beside each."""

from math import log, sqrt

import pytest
import torch
from torch import Tensor

from rag_pipelines.models.tuning.ppo_math import (
    KlController,
    advantages,
    entropy,
    kl_k1,
    masked_mean,
    policy_loss,
    taken_log_probs,
    token_rewards,
    value_loss,
    whitened,
)


def near(found: Tensor, expected: list[float] | list[list[float]] | float) -> None:
    assert torch.allclose(found, torch.tensor(expected), atol=1e-6), found


def test_a_token_has_the_probability_that_it_was_sampled_with():
    logits = torch.tensor([[[0.0, log(2), log(3)]]])  # odds 1 : 2 : 3
    near(taken_log_probs(logits, torch.tensor([[2]]), 1.0), [[log(3 / 6)]])
    # Half the temperature squares the odds: 1 : 4 : 9.
    near(taken_log_probs(logits, torch.tensor([[1]]), 0.5), [[log(4 / 14)]])


def test_entropy_of_a_choice_among_four_and_of_none():
    near(entropy(torch.zeros(1, 1, 4), 1.0), [[log(4)]])
    near(entropy(torch.tensor([[[1e4, 0.0]]]), 1.0), [[0.0]])


def test_means_and_whitening_leave_out_what_pads():
    values, mask = torch.tensor([[1.0, 2.0, 3.0, 100.0]]), torch.tensor([[1, 1, 1, 0]])
    near(masked_mean(values, mask), 2.0)
    # Mean 2, variance (1 + 0 + 1) / 3.
    near(whitened(values, mask), [[-sqrt(1.5), 0.0, sqrt(1.5), 0.0]])


def test_advantages_look_ahead_to_the_end_of_an_answer_and_not_beyond():
    rewards = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 99.0]])
    values = torch.tensor([[0.5, 0.5, 0.5], [0.5, 0.5, 99.0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    # Discount .9, trace .8. First answer: deltas .9 x .5 - .5 = -.05, -.05 and 1 - .5 = .5, so
    # A2 = .5, A1 = -.05 + .72 x .5 = .31, A0 = -.05 + .72 x .31 = .1732. The second has two tokens.
    near(advantages(rewards, values, mask, 0.9, 0.8), [[0.1732, 0.31, 0.5], [0.31, 0.5, 0.0]])


def test_advantages_as_a_sum_over_all_that_follows():
    torch.manual_seed(0)
    rewards, values = torch.randn(3, 7), torch.randn(3, 7)
    discount, trace = 0.97, 0.9
    found = advantages(rewards, values, torch.ones(3, 7), discount, trace)
    for row in range(3):
        r, v = rewards[row].tolist(), [*values[row].tolist(), 0.0]
        deltas = [r[t] + discount * v[t + 1] - v[t] for t in range(7)]
        summed = [
            sum((discount * trace) ** (k - t) * deltas[k] for k in range(t, 7)) for t in range(7)
        ]
        assert found[row].tolist() == pytest.approx(summed, abs=1e-5)


@pytest.mark.parametrize(
    ("now", "advantage", "loss"),
    [
        (0.75, 2.0, -2.4),  # ratio 1.5: min(3, 1.2 x 2), no gain beyond the clip
        (0.75, -2.0, 3.0),  # min(-3, -2.4): a mistake counts whole
        (0.25, 2.0, -1.0),  # ratio .5: min(1, 1.6)
        (0.25, -2.0, 1.6),  # min(-1, -1.6)
        (0.55, 2.0, -2.2),  # ratio 1.1: within the clip
    ],
)
def test_the_surrogate_is_clipped_where_it_would_gain(now: float, advantage: float, loss: float):
    probabilities = torch.tensor([[log(now)]]), torch.tensor([[log(0.5)]])
    near(policy_loss(*probabilities, torch.tensor([[advantage]]), 0.2), [[loss]])


def test_a_value_may_move_by_the_clip_alone():
    def loss(value: float, returns: float) -> Tensor:
        one = (torch.tensor([[value]]), torch.zeros(1, 1), torch.tensor([[returns]]))
        return value_loss(*one, 0.2)

    near(loss(1.0, 2.0), [[1.62]])  # half of max((1 - 2)^2, (.2 - 2)^2)
    near(loss(0.05, 0.1), [[0.00125]])  # half of .05^2


def test_divergence_of_a_token_and_its_mean():
    ours, theirs = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log()
    near(kl_k1(ours, theirs), [log(2), log(2 / 3)])
    divergence = 0.5 * log(2) + 0.5 * log(2 / 3)
    near((0.5 * kl_k1(ours, theirs)).sum(), divergence)


def test_a_score_comes_with_the_last_token_and_a_penalty_with_each():
    penalty, mask = (
        torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]),
        torch.tensor([[1, 1, 1], [1, 1, 0]]),
    )
    found = token_rewards(torch.tensor([5.0, 7.0]), penalty, 0.1, mask)
    near(found, [[-0.1, -0.2, 4.7], [-0.1, 6.8, 0.0]])


@pytest.mark.parametrize(
    ("kl", "weight"),
    [
        (12.0, 0.202048),  # twice the target, the error is cut to .2: .2 x (1 + .2 x 512 / 10000)
        (5.7, 0.199488),  # an error of -.05: .2 x (1 - .05 x .0512)
        (0.0, 0.197952),  # cut to -.2
        (6.0, 0.2),
    ],
)
def test_the_weight_of_the_divergence_is_steered_towards_the_target(kl: float, weight: float):
    steered = KlController(0.2, target=6.0, horizon=10_000).after(kl, answers=512)
    assert steered.weight == pytest.approx(weight, abs=1e-9)
