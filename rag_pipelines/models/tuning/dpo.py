"""A model that learns which of two answers is preferred, without a reward: `train_dpo`, by TRL.

Knows the training and what it came to. Only the worker's process imports this module.
"""

from pathlib import Path
from typing import Any, Final

from transformers import AutoModelForCausalLM  # noqa: TID253
from trl.trainer.dpo_config import DPOConfig  # noqa: TID253
from trl.trainer.dpo_trainer import DPOTrainer  # noqa: TID253

from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.tuning.config import PreferenceTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.fitting import (
    adapter_of,
    arguments,
    chat_tokenizer,
    cost_of,
    curves,
    fitted,
    loaded,
    most_tokens,
    quiet,
)
from rag_pipelines.models.tuning.preferring import Pairs, pairs_of, rows_of
from rag_pipelines.models.tuning.training import Trained, Training

_TOLD: Final = {
    "accuracy": "eval_rewards/accuracies",
    "margin": "eval_rewards/margins",
    "chosen_nats": "eval_logps/chosen",
    "rejected_nats": "eval_logps/rejected",
}


def train_dpo(
    parent: Path,
    data: Dataset,
    tuning: PreferenceTuning,
    room: Path,
    training: Training,
    reward: None,
) -> None:
    """Leave in `room` what the parent became, whole, and how it went; see `Trainer`.

    The loss is https://arxiv.org/abs/2305.18290, equation 7; the reference is the same network with
    its adapter off. `accuracy` and `margin` are those of its implicit rewards on pairs that were
    held out, `chosen_nats` and `rejected_nats` the log-probabilities of their answers, each with
    what it was `_before`.
    """
    tokenizer = chat_tokenizer(parent)
    pairs = pairs_of(data, tokenizer, most_tokens(parent, tuning))
    trainer = _trainer(parent, tokenizer, pairs, tuning, training)
    before = _held_out(trainer, pairs)
    fitted(trainer, tuning, training)
    points = curves(trainer)
    after = _held_out(trainer, pairs)
    figures = {f"{name}_before": value for name, value in before.items()} | after
    Trained(points, figures | cost_of(trainer)).write(room)
    trainer.model.merge_and_unload().save_pretrained(room)
    with_all_but_weights(parent, room)


def _trainer(
    parent: Path, tokenizer: Any, pairs: Pairs, tuning: PreferenceTuning, training: Training
) -> Any:
    model = loaded(AutoModelForCausalLM, parent)
    common = arguments(tuning, training, len(pairs.train), bool(pairs.validation))
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(**common, beta=tuning.beta, max_length=tuning.max_tokens),
        train_dataset=rows_of(pairs.train),
        eval_dataset=rows_of(pairs.validation) if pairs.validation else None,
        processing_class=tokenizer,
        peft_config=adapter_of(tuning, "CAUSAL_LM", model),
    )
    return quiet(trainer)


def _held_out(trainer: Any, pairs: Pairs) -> dict[str, float]:
    """Figures of the test's pairs, or of validation's where there are none: means of batches."""
    told = trainer.evaluate(rows_of(pairs.test or pairs.validation))
    return {name: told[key] for name, key in _TOLD.items()}
