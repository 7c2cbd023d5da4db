"""The loop of a reinforcement: sample, learn, steer, look, and keep what can be gone on from.

Knows the order of things and when to stop. Does not know files of models. Only the worker's process
imports this module.
"""

import time
from collections.abc import Sequence
from math import ceil
from typing import Final

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253

from rag_pipelines.models.tuning.config import PpoTuning
from rag_pipelines.models.tuning.ppo_checkpoint import (
    Checkpoint,
    Progressed,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    save_checkpoint,
)
from rag_pipelines.models.tuning.ppo_guards import (
    Begun,
    require_answers,
    require_better,
    require_finite,
    require_near,
    require_reward,
)
from rag_pipelines.models.tuning.ppo_math import KlController, masked_mean
from rag_pipelines.models.tuning.ppo_policy import Policy
from rag_pipelines.models.tuning.ppo_rollout import Rollout, Sampling, rolled_out, seed_of
from rag_pipelines.models.tuning.ppo_update import Losses, update
from rag_pipelines.models.tuning.prompting import Prompt, Prompts
from rag_pipelines.models.tuning.scores import Scorer
from rag_pipelines.models.tuning.training import Training

_SMALLEST_SPREAD: Final = 0.1
"""Scores that hardly differ are not blown up to differ much."""
_BEST = "best."


class Reinforcement:
    """A policy that learns from scores of its own answers; it resumes where it was killed."""

    def __init__(
        self,
        policy: Policy,
        score: Scorer,
        prompts: Prompts,
        tuning: PpoTuning,
        training: Training,
    ) -> None:
        self._policy, self._score, self._prompts = policy, score, prompts
        self._tuning, self._training = tuning, training
        self._how = Sampling(tuning.batch, tuning.answer_tokens, tuning.temperature)
        self._optimizer = torch.optim.AdamW(policy.trained, weight_decay=0.0)
        read = ceil(tuning.epochs * len(prompts.train) / tuning.rollout)
        self.steps = min(read, tuning.steps or read)
        self._best: dict[str, Tensor] = {}
        self._now = Progressed(kl_weight=tuning.kl_weight)

    def run(self) -> Progressed:
        """Learn until the steps are done or validation says that it is enough.

        The policy is then the best one that was validated, or the last one where none was. Raises
        `ArtifactError` where something went wrong, and where validation never saw a better one than
        the parent: see `ppo_guards`.
        """
        self._resume()
        while self._now.step < self.steps and not self._waited_enough():
            self._step()
        if self._prompts.validation:
            require_better(self._now.best, self._now.before["eval_reward"])
            self._policy.restore(self._best)
        return self._now

    def held_out(self, prompts: Sequence[Prompt]) -> dict[str, float]:
        """What the policy's answers to prompts that it does not learn of score, and their nats."""
        if not prompts:
            return {}
        seed = seed_of(self._tuning.seed, "held out")
        found = rolled_out(self._policy, prompts, self._score, self._how, seed)
        return {"reward": found.score, "kl": found.kl}

    def _step(self) -> None:
        started, now = time.perf_counter(), self._now
        rollout = self._rollout()
        if now.step == 0:
            now.centre = rollout.score
            now.spread = rollout.scores.std(correction=0).item()
        self._require_sound(rollout)
        losses = self._learn(rollout)
        weight, kl, answers = now.kl_weight, rollout.kl, len(rollout.texts)
        steered = KlController(weight, self._tuning.target_kl, self._tuning.kl_horizon)
        now.kl_weight = steered.after(kl, answers).weight
        now.step += 1
        now.tokens += int(rollout.answers.read.sum())
        now.seconds += time.perf_counter() - started
        self._tell(_figures(rollout, losses, weight) | self._validated())
        if self._is_checkpoint():
            self._save()

    def _rollout(self) -> Rollout:
        step, tuning = self._now.step, self._tuning
        numbers = range(step * tuning.rollout, (step + 1) * tuning.rollout)
        prompts = [self._prompt(number) for number in numbers]
        seed = seed_of(tuning.seed, "rollout", step)
        return rolled_out(self._policy, prompts, self._score, self._how, seed)

    def _prompt(self, number: int) -> Prompt:
        """The prompts in an order of their own each time that all were read."""
        train = self._prompts.train
        epoch, at = divmod(number, len(train))
        drawn = torch.Generator().manual_seed(seed_of(self._tuning.seed, "order", epoch))
        return train[int(torch.randperm(len(train), generator=drawn)[at])]

    def _require_sound(self, rollout: Rollout) -> None:
        now = self._now
        require_finite("reward", rollout.score)
        require_near(rollout.kl, self._tuning.most_kl, now.step)
        require_answers([one.tokens for one in rollout.prompts], rollout.texts)
        rewards = [*(point["reward"] for point in now.curves), rollout.score]
        require_reward(rewards, Begun(now.centre, now.spread), now.step)

    def _learn(self, rollout: Rollout) -> Losses:
        """Scores count in standard deviations from what the parent scored.

        Otherwise the weight of the divergence would mean something else with each reward model;
        https://arxiv.org/abs/1909.08593, section 2.1.
        """
        now, tuning = self._now, self._tuning
        scores = (rollout.scores - now.centre) / max(now.spread, _SMALLEST_SPREAD)
        for group in self._optimizer.param_groups:
            group["lr"] = tuning.learning_rate * _rate(now.step, self.steps, tuning.warmup)
        seed = seed_of(tuning.seed, "update", now.step)
        return update(self._policy, self._optimizer, rollout, scores, now.kl_weight, tuning, seed)

    def _validated(self) -> dict[str, float]:
        if not self._is_checkpoint():
            return {}
        found = self.held_out(self._prompts.validation)
        if found:
            self._judge(found["reward"])
        return {f"eval_{name}": value for name, value in found.items()}

    def _judge(self, reward: float) -> None:
        now = self._now
        if reward > now.best:
            now.best, now.waited = reward, 0
            self._best = {name: one.detach().clone() for name, one in self._policy.state().items()}
        else:
            now.waited += 1

    def _waited_enough(self) -> bool:
        return 0 < self._tuning.patience <= self._now.waited

    def _is_checkpoint(self) -> bool:
        step = self._now.step
        return step % self._tuning.evaluate_every == 0 or step == self.steps

    def _tell(self, figures: dict[str, float]) -> None:
        step = self._now.step
        self._now.curves.append({"step": step} | figures)
        self._training.curve(step, figures)
        self._training.progress("rollouts", step, self.steps)

    def _save(self) -> None:
        best = {f"{_BEST}{name}": one for name, one in self._best.items()}
        tensors = self._policy.state() | optimizer_tensors(self._optimizer) | best
        save_checkpoint(self._training.checkpoints, Checkpoint(self._now, tensors))

    def _begin(self) -> None:
        validated = self.held_out(self._prompts.validation)
        self._now.before = self.held_out(self._prompts.measured) | {
            f"eval_{name}": value for name, value in validated.items()
        }
        self._now.best = validated.get("reward", 0.0)

    def _resume(self) -> None:
        found = read_checkpoint(self._training.checkpoints)
        if found is None:
            self._begin()
            return
        self._now = found.progressed
        self._policy.restore(found.tensors)
        restore_optimizer(self._optimizer, found.tensors)
        self._best = {
            name.removeprefix(_BEST): one
            for name, one in found.tensors.items()
            if name.startswith(_BEST)
        }


def _figures(rollout: Rollout, losses: Losses, kl_weight: float) -> dict[str, float]:
    mask = rollout.answers.mask
    return {
        "reward": rollout.score,
        "kl": rollout.kl,
        "entropy": masked_mean(rollout.old.entropy, mask).item(),
        "policy_loss": losses.policy,
        "value_loss": losses.value,
        "kl_weight": kl_weight,
        "answer_tokens": mask.sum(-1).float().mean().item(),
    }


def _rate(step: int, steps: int, warmup: float) -> float:
    """Share of the learning rate: up in a line, then down in one, as transformers' `linear`."""
    warm = ceil(steps * warmup)
    if step < warm:
        return (step + 1) / warm
    return (steps - step) / max(steps - warm, 1)
