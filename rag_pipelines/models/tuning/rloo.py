"""A model that learns from a reward model by comparing its own answers: `train_rloo`, by TRL.

Knows the training and what it came to. Only the worker's process imports this module.
"""

from pathlib import Path
from typing import Any

from datasets import Dataset as Rows  # noqa: TID253
from transformers import AutoModelForCausalLM  # noqa: TID253
from trl.trainer.rloo_config import RLOOConfig  # noqa: TID253
from trl.trainer.rloo_trainer import RLOOTrainer  # noqa: TID253

from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.tuning.config import RlooTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.fitting import (
    adapter_of,
    arguments,
    chat_tokenizer,
    cost_of,
    curves,
    fitted,
    forgetting,
    loaded,
    most_tokens,
    quiet,
)
from rag_pipelines.models.tuning.ppo_guards import require_answers, require_finite
from rag_pipelines.models.tuning.ppo_policy import Policy
from rag_pipelines.models.tuning.ppo_rollout import Sampling, rolled_out, seed_of
from rag_pipelines.models.tuning.prompting import Prompts, prompts_of
from rag_pipelines.models.tuning.scores import RewardModel, Scorer
from rag_pipelines.models.tuning.training import Trained, Training


def train_rloo(
    parent: Path,
    data: Dataset,
    tuning: RlooTuning,
    room: Path,
    training: Training,
    reward: Path,
) -> None:
    """Leave in `room` what the parent became, whole, and how it went; see `Trainer`.

    `reward` and `kl` are those of answers to prompts that were held out, as `ppo` tells them.
    """
    tokenizer = chat_tokenizer(parent)
    prompts = prompts_of(data, tokenizer, tuning, most_tokens(parent, tuning))
    score = RewardModel(reward, tuning.batch).score
    trainer = _trainer(parent, tokenizer, prompts, score, tuning, training)
    policy = Policy(trainer.model, tokenizer, tuning.temperature, checkpointing=False)
    before = _held_out(policy, prompts, score, tuning)
    fitted(trainer, tuning, training)
    with forgetting(training):
        after = _held_out(policy, prompts, score, tuning)
    figures = {f"{name}_before": value for name, value in before.items()} | after
    Trained(curves(trainer), figures | cost_of(trainer)).write(room)
    policy.save(room)
    with_all_but_weights(parent, room)


def _trainer(
    parent: Path,
    tokenizer: Any,
    prompts: Prompts,
    score: Scorer,
    tuning: RlooTuning,
    training: Training,
) -> Any:
    def reward(prompts: list[Any], completions: list[Any], **rest: Any) -> list[float | None]:
        return list(score(prompts, [answer[0]["content"].strip() for answer in completions]))

    rows = len(prompts.train) * tuning.answers
    common = arguments(tuning, training, rows, bool(prompts.validation), best="eval_reward")
    common["per_device_eval_batch_size"] = tuning.answers
    model = loaded(AutoModelForCausalLM, parent)
    trainer = RLOOTrainer(
        model=model,
        reward_funcs=reward,
        args=RLOOConfig(
            **common,
            num_generations=tuning.answers,
            max_completion_length=tuning.answer_tokens,
            temperature=tuning.temperature,
            beta=tuning.beta,
        ),
        train_dataset=_rows(prompts.train),
        eval_dataset=_rows(prompts.validation) if prompts.validation else None,
        processing_class=tokenizer,
        peft_config=adapter_of(tuning, "CAUSAL_LM", model),
    )
    return quiet(trainer)


def _rows(prompts: Any) -> Rows:
    return Rows.from_list([{"prompt": list(one.messages)} for one in prompts])


def _held_out(
    policy: Policy, prompts: Prompts, score: Scorer, tuning: RlooTuning
) -> dict[str, float]:
    """What answers to prompts score that are not learned of. Raises where they have collapsed."""
    if not prompts.measured:
        return {}
    how = Sampling(tuning.batch, tuning.answer_tokens, tuning.temperature)
    found = rolled_out(policy, prompts.measured, score, how, seed_of(tuning.seed, "held out"))
    require_finite("reward", found.score)
    require_answers([one.tokens for one in prompts.measured], found.texts)
    return {"reward": found.score, "kl": found.kl}
