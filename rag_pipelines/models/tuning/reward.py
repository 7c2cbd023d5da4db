"""A score of answers, learned from pairs: `train_reward`, through TRL.

Knows the training and when its result is refused. Does not know how a score is asked for (`scores`)
or drawn (`reward_figures`). Only the worker's process imports this module.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from transformers import AutoModelForSequenceClassification  # noqa: TID253
from trl.trainer.reward_config import RewardConfig  # noqa: TID253
from trl.trainer.reward_trainer import RewardTrainer  # noqa: TID253

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.tuning.config import RewardTuning
from rag_pipelines.models.tuning.data import Dataset, messages_of
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
from rag_pipelines.models.tuning.preferring import Pairs, pairs_of, rows_of
from rag_pipelines.models.tuning.reward_figures import reward_figures
from rag_pipelines.models.tuning.scores import RewardModel
from rag_pipelines.models.tuning.training import Trained, Training
from rag_pipelines.records import Pair


def train_reward(
    parent: Path,
    data: Dataset,
    tuning: RewardTuning,
    room: Path,
    training: Training,
    reward: None,
) -> None:
    """Leave a model of one label in `room`, whole, and how it ranks; see `Trainer`.

    The loss is Bradley and Terry's: -log sigmoid(score of the chosen - score of the rejected),
    https://arxiv.org/abs/2203.02155, equation 1. Raises `ArtifactError` where it ranks fewer of the
    held-out pairs rightly than `least_accuracy` as well.
    """
    tokenizer = chat_tokenizer(parent)
    pairs = pairs_of(data, tokenizer, most_tokens(parent, tuning))
    trainer = _trainer(parent, tokenizer, pairs, tuning, training)
    fitted(trainer, tuning, training)
    model = trainer.model.merge_and_unload()
    score = RewardModel.loaded(model, tokenizer, tuning.batch).score
    margins = {
        "validation": _margins(score, pairs.validation),
        "test": _margins(score, pairs.test),
    }
    figures = reward_figures(margins)
    with forgetting(training):
        _require_accuracy(figures, tuning.least_accuracy)
    Trained(curves(trainer), figures | cost_of(trainer), margins).write(room)
    model.save_pretrained(room)
    with_all_but_weights(parent, room)


def _trainer(
    parent: Path, tokenizer: Any, pairs: Pairs, tuning: RewardTuning, training: Training
) -> Any:
    torch.manual_seed(tuning.seed)  # the head that scores begins as random weights
    model = loaded(AutoModelForSequenceClassification, parent, num_labels=1)
    common = arguments(tuning, training, len(pairs.train), bool(pairs.validation))
    trainer = RewardTrainer(
        model=model,
        args=RewardConfig(**common, max_length=tuning.max_tokens, disable_dropout=False),
        train_dataset=rows_of(pairs.train),
        eval_dataset=rows_of(pairs.validation) if pairs.validation else None,
        processing_class=tokenizer,
        peft_config=adapter_of(tuning, "SEQ_CLS", model, modules_to_save=["score"]),
    )
    return quiet(trainer)


def _margins(score: Any, pairs: Sequence[Pair]) -> list[float]:
    """How much higher the chosen answer of each pair scores."""
    asked = [messages_of(one) for one in pairs]
    chosen = score(asked, [one.chosen for one in pairs])
    rejected = score(asked, [one.rejected for one in pairs])
    return [better - worse for better, worse in zip(chosen, rejected, strict=True)]


def _require_accuracy(figures: dict[str, float], least: float) -> None:
    split = "test" if "test_accuracy" in figures else "validation"
    found = figures[f"{split}_accuracy"]
    if found < least:
        raise ArtifactError(
            f"the reward model ranks {found:.0%} of {figures[f'{split}_pairs']:.0f} held-out pairs "
            f"rightly, less than least_accuracy: {least:.0%}; collect more pairs, train longer "
            "(epochs), or look whether the pairs contradict each other"
        )
