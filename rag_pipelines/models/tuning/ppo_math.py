"""The formulas of proximal policy optimisation on answers, as functions of tensors.

Knows no model, no text and no optimiser. Shapes are (answers, tokens) unless told otherwise; `mask`
is 1 where a token was taken and 0 in what pads an answer on the right.
"""

from dataclasses import dataclass
from typing import Final

import torch  # noqa: TID253 - only the worker's process imports this module
from torch import Tensor  # noqa: TID253

_MOST_ERROR: Final = 0.2
_SMALLEST_VARIANCE: Final = 1e-8


def taken_log_probs(logits: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    """Logarithms of the probabilities with which `tokens` were drawn.

    `logits` has shape (answers, tokens, vocabulary); they are divided by the temperature, as they
    are when answers are sampled: of that distribution the answers are samples, of no other.
    """
    scaled = logits.float() / temperature
    taken = scaled.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return taken - scaled.logsumexp(-1)


def entropy(logits: Tensor, temperature: float) -> Tensor:
    """Nats of the distribution that each token was drawn from: minus the sum of p log p."""
    log_probs = (logits.float() / temperature).log_softmax(-1)
    return -(log_probs.exp() * log_probs).sum(-1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that were taken; a scalar."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def whitened(values: Tensor, mask: Tensor) -> Tensor:
    """Mean 0 and variance 1 over the tokens that were taken, 0 elsewhere.

    As advantages are scaled in https://arxiv.org/abs/1909.08593; the variance is that of a
    population.
    """
    centred = values - masked_mean(values, mask)
    variance = masked_mean(centred.square(), mask)
    return centred * (variance + _SMALLEST_VARIANCE).rsqrt() * mask


def kl_k1(log_probs: Tensor, reference: Tensor) -> Tensor:
    """Each token's log p - log q: unbiased, may be negative.

    Schulman's k1, http://joschu.net/blog/kl-approx.html; what a reward is reduced by in
    https://arxiv.org/abs/1909.08593, section 2. His k3, q/p - 1 - log(q/p), is never negative, but
    one token that the policy hardly ever takes and the reference nearly always is hundreds of nats
    to it: no figure to steer by, or to stop at.
    """
    return log_probs - reference


def token_rewards(scores: Tensor, penalty: Tensor, weight: float, mask: Tensor) -> Tensor:
    """Rewards of tokens: minus `weight` times the divergence, and the score at the last one.

    `scores` has shape (answers,). https://arxiv.org/abs/1909.08593, section 2: R(x, y) = r(x, y) -
    beta log(pi(y|x) / rho(y|x)), of which the second part is a sum over tokens.
    """
    last = mask.sum(-1).long().clamp(min=1) - 1
    rewards = -weight * penalty * mask
    return rewards.scatter_add(-1, last.unsqueeze(-1), scores.to(rewards.dtype).unsqueeze(-1))


def advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, discount: float, trace: float
) -> Tensor:
    """Generalised advantage estimation, https://arxiv.org/abs/1506.02438, equation 16.

    With delta_t = r_t + discount V_{t+1} - V_t, A_t = delta_t + discount trace A_{t+1}; after an
    answer's last token there is nothing to come. What the values should have been is A + V.
    """
    found = torch.zeros_like(values)
    following = torch.zeros_like(values[:, 0])
    after = torch.zeros_like(values[:, 0])
    for at in reversed(range(values.shape[1])):
        delta = rewards[:, at] + discount * after - values[:, at]
        following = (delta + discount * trace * following) * mask[:, at]
        after = values[:, at] * mask[:, at]
        found[:, at] = following
    return found


def policy_loss(log_probs: Tensor, old: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """Each token's clipped surrogate, https://arxiv.org/abs/1707.06347, equation 7, to be lowered.

    -min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) where ratio = p / p_old.
    """
    ratio = (log_probs - old).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def value_loss(values: Tensor, old: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Each token's squared error, halved; the larger of the values and of the clipped values.

    The clipping of https://github.com/openai/baselines, `ppo2/model.py`.
    """
    near = old + (values - old).clamp(-clip, clip)
    return 0.5 * torch.maximum((values - returns).square(), (near - returns).square())


@dataclass(frozen=True, slots=True)
class KlController:
    """The weight of the divergence, steered towards a target.

    https://arxiv.org/abs/1909.08593, section 2.2: e = clip((KL - target) / target, -0.2, 0.2), and
    the weight is multiplied by 1 + K e, where K = answers / horizon (the paper's 0.1 an update).
    """

    weight: float
    target: float
    horizon: int

    def after(self, kl: float, answers: int) -> "KlController":
        """The controller after so many answers, whose divergence was `kl` nats each."""
        error = min(max(kl / self.target - 1, -_MOST_ERROR), _MOST_ERROR)
        weight = self.weight * (1 + error * answers / self.horizon)
        return KlController(weight, self.target, self.horizon)
