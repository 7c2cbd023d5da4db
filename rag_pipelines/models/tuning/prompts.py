"""Soft prompts: vectors before the prompt are learned, and no weight. `train_prompt`, by PEFT.

Knows how they are kept; `inference.causal_torch` reads them. Only the worker's process imports
this module.
"""

import os
import shutil
from pathlib import Path

from peft import PromptTuningConfig, PromptTuningInit  # noqa: TID253
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM  # noqa: TID253

from rag_pipelines.inference.causal_torch import SOFT_PROMPT, SOFT_PROMPT_KEY
from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.tuning.config import PromptTuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.examples import examples_of
from rag_pipelines.models.tuning.fitting import chat_tokenizer, loaded, memory_told, most_tokens
from rag_pipelines.models.tuning.supervised import learned, trainer_on
from rag_pipelines.models.tuning.training import Training


def train_prompt(
    parent: Path,
    data: Dataset,
    tuning: PromptTuning,
    room: Path,
    training: Training,
    reward: None,
) -> None:
    """Leave in `room` the parent with the vectors (tokens, width) beside it; see `Trainer`.

    https://arxiv.org/abs/2104.08691. The parent's weights are the same files, not copies of them,
    where the file system lets them be.
    """
    tokenizer = chat_tokenizer(parent)
    most = most_tokens(parent, tuning) - tuning.virtual_tokens
    examples = examples_of(data, tokenizer, most)
    with memory_told():
        model = loaded(AutoModelForCausalLM, parent)
        trainer = trainer_on(examples, model, tokenizer, tuning, training, _of(parent, tuning))
        learned(trainer, tuning, training).write(room)
    vectors = trainer.model.get_prompt_embedding_to_save("default")
    save_file({SOFT_PROMPT_KEY: vectors.contiguous()}, room / SOFT_PROMPT)
    _link_weights(parent, room)
    with_all_but_weights(parent, room)


def _of(parent: Path, tuning: PromptTuning) -> PromptTuningConfig:
    return PromptTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=tuning.virtual_tokens,
        prompt_tuning_init=PromptTuningInit.TEXT,
        prompt_tuning_init_text=tuning.initial_text,
        tokenizer_name_or_path=str(parent),
        tokenizer_kwargs={"local_files_only": True, "trust_remote_code": False},
    )


def _link_weights(parent: Path, room: Path) -> None:
    for path in parent.glob("*.safetensors*"):
        try:
            os.link(path, room / path.name)
        except OSError:  # another file system, or one without links
            shutil.copyfile(path, room / path.name)
