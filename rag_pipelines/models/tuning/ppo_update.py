"""What is learned of one rollout: passes over its answers, in mini-batches.

Knows losses and the optimiser. Does not sample. Only the worker's process imports this module.
"""

from dataclasses import dataclass
from typing import Final

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253
from torch.nn.utils import clip_grad_norm_  # noqa: TID253

from rag_pipelines.models.tuning.config import PpoTuning
from rag_pipelines.models.tuning.ppo_guards import require_finite
from rag_pipelines.models.tuning.ppo_math import (
    advantages,
    kl_k1,
    masked_mean,
    policy_loss,
    token_rewards,
    value_loss,
    whitened,
)
from rag_pipelines.models.tuning.ppo_policy import Answers, Policy
from rag_pipelines.models.tuning.ppo_rollout import Rollout

_LONGEST_GRADIENT: Final = 1.0
"""The norm to which gradients are clipped, as TRL's trainers do."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What the tokens of a rollout teach, shape (answers, answer)."""

    answers: Answers
    log_probs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor

    def __getitem__(self, rows: Tensor) -> "_Lesson":
        return _Lesson(
            self.answers[rows],
            self.log_probs[rows],
            self.values[rows],
            self.advantages[rows],
            self.returns[rows],
        )


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses a token, on average over the passes of a rollout."""

    policy: float
    value: float


def update(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    rollout: Rollout,
    scores: Tensor,
    kl_weight: float,
    tuning: PpoTuning,
    seed: int,
) -> Losses:
    """Learn of a rollout whose answers are worth `scores`, of shape (answers,).

    Raises `ArtifactError` where a loss or a gradient is not a number, before it is followed.
    """
    lesson = _lesson(rollout, scores, kl_weight, tuning)
    drawn = torch.Generator().manual_seed(seed)
    told: list[Tensor] = []
    with policy.learning():
        for _ in range(tuning.rounds):
            order = torch.randperm(len(rollout.texts), generator=drawn).to(scores.device)
            for rows in order.split(tuning.batch * tuning.accumulate):
                told.append(_followed(policy, optimizer, lesson[rows], tuning))
    mean = torch.stack(told).mean(0).tolist()
    return Losses(*mean)


def _lesson(rollout: Rollout, scores: Tensor, kl_weight: float, tuning: PpoTuning) -> _Lesson:
    mask, old = rollout.answers.mask, rollout.old
    penalty = kl_k1(old.log_probs, rollout.reference)
    rewards = token_rewards(scores, penalty, kl_weight, mask)
    found = advantages(rewards, old.values, mask, tuning.discount, tuning.gae_lambda)
    returns = found + old.values
    return _Lesson(rollout.answers, old.log_probs, old.values, whitened(found, mask), returns)


def _followed(
    policy: Policy, optimizer: torch.optim.Optimizer, lesson: _Lesson, tuning: PpoTuning
) -> Tensor:
    """One step of the optimiser; policy and value loss, shape (2,).

    Batches add up to what the mini-batch would give at once: each token weighs the same.
    """
    optimizer.zero_grad()
    tokens = lesson.answers.mask.sum()
    total = torch.zeros(2, device=lesson.values.device)
    for rows in torch.arange(len(lesson.values), device=tokens.device).split(tuning.batch):
        losses = _losses(policy, lesson[rows], tuning)
        share = lesson.answers.mask[rows].sum() / tokens
        ((losses[0] + tuning.value_weight * losses[1]) * share).backward()
        total += losses.detach() * share
    require_finite("loss", total.sum().item())
    norm = clip_grad_norm_(policy.trained, _LONGEST_GRADIENT)
    require_finite("gradient", norm.item())
    optimizer.step()
    return total


def _losses(policy: Policy, lesson: _Lesson, tuning: PpoTuning) -> Tensor:
    """Policy and value loss a token, shape (2,)."""
    now, mask = policy.computed(lesson.answers), lesson.answers.mask
    acted = policy_loss(now.log_probs, lesson.log_probs, lesson.advantages, tuning.clip)
    valued = value_loss(now.values, lesson.values, lesson.returns, tuning.value_clip)
    return torch.stack([masked_mean(acted, mask), masked_mean(valued, mask)])
