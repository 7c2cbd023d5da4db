"""Every weight of a model is trained: `train_full`.

Knows no adapters. Only the worker's process imports this module.
"""

from pathlib import Path

import torch  # noqa: TID253
from transformers import AutoModelForCausalLM  # noqa: TID253

from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.tuning.config import FullTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.examples import examples_of
from rag_pipelines.models.tuning.fitting import chat_tokenizer, loaded, memory_told, most_tokens
from rag_pipelines.models.tuning.supervised import learned, trainer_on
from rag_pipelines.models.tuning.training import Training


def train_full(
    parent: Path,
    data: Dataset,
    tuning: FullTuning,
    room: Path,
    training: Training,
    reward: None,
) -> None:
    """Leave in `room` what the parent became, whole, and how it went; see `Trainer`."""
    tokenizer = chat_tokenizer(parent)
    examples = examples_of(data, tokenizer, most_tokens(parent, tuning))
    with memory_told():
        # Weights in bf16 would round away the small steps of their training.
        model = loaded(AutoModelForCausalLM, parent, dtype=torch.float32)
        trainer = trainer_on(examples, model, tokenizer, tuning, training)
        learned(trainer, tuning, training).write(room)
    trainer.model.save_pretrained(room)
    with_all_but_weights(parent, room)
