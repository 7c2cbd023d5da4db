"""Which trainer makes which model of the table `tuned`. Imports a trainer only to train."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from rag_pipelines.models.tuning.config import Tuning
from rag_pipelines.models.tuning.data import Dataset
from rag_pipelines.models.tuning.training import Training

TRAINED_WITH: Final = ("torch", "transformers", "peft", "trl", "datasets", "accelerate")
_TRAINERS: Final = {
    "lora": ("adapters", "train_adapter"),
    "qlora": ("adapters", "train_adapter"),
    "prompt": ("prompts", "train_prompt"),
    "full": ("full", "train_full"),
    "reward": ("reward", "train_reward"),
    "dpo": ("dpo", "train_dpo"),
    "ppo": ("ppo", "train_ppo"),
    "rloo": ("rloo", "train_rloo"),
}


class Trainer(Protocol):
    """Trains one model."""

    def __call__(
        self,
        parent: Path,
        data: Dataset,
        tuning: Any,
        room: Path,
        training: Training,
        reward: Path | None,
    ) -> None:
        """Leave in `room` what the model of the folder `parent` became, and a `training.json`.

        `tuning` is the method's own settings; `reward` the folder of the reward model where the
        method has one. Resumes from `training.checkpoints`. Raises `ArtifactError`, with what to
        do, where it cannot learn: too few rows, one class, a row beyond the context, no chat
        template, modules that do not exist, a loss that is not a number, a reward that collapsed,
        no memory.
        """
        ...


def trainer_of(tuning: Tuning) -> Trainer:
    """The function that trains such a model; its module is imported when it is called."""
    module, name = _TRAINERS[tuning.method]

    def train(
        parent: Path,
        data: Dataset,
        tuning: Any,
        room: Path,
        training: Training,
        reward: Path | None,
    ) -> None:
        found = getattr(import_module(f"rag_pipelines.models.tuning.{module}"), name)
        found(parent, data, tuning, room, training, reward)

    return train
