"""What `models.yaml` may say of training: what models learn from, and how each is tuned.

Knows the fields, their defaults and their bounds. Does not train.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, Strict, ValidationInfo, field_validator, model_validator

from rag_pipelines.models.entries import BASE, Entry, Loss, ModelName, Share

Count = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)]
TunedAsset = Literal[
    "lora_adapter", "prompt_tuned_model", "fine_tuned_model", "reward_model", "ppo_model"
]
TUNED_ASSETS: Final[dict[str, TunedAsset]] = {
    "lora": "lora_adapter",
    "qlora": "lora_adapter",
    "prompt": "prompt_tuned_model",
    "full": "fine_tuned_model",
    "reward": "reward_model",
    "ppo": "ppo_model",
    "rloo": "ppo_model",
    "dpo": "ppo_model",
}
"""The asset that a method's models are partitions of."""


LearnedTask = Literal["causal", "seq2seq", "answer", "tag"]
"""What an adapter can be taught."""
FITTING: Final[dict[LearnedTask, tuple[str, ...]]] = {
    "causal": ("causal",),
    "seq2seq": ("seq2seq",),
    "answer": ("answer", "embed"),
    "tag": ("embed", "answer", "tag"),
}
"""The tasks of the models that can be taught each task: an encoder gets the layer it lacks."""


class DataSource(Entry):
    """Examples or pairs from elsewhere: one of `files` and `dataset`.

    A file is JSON, JSON lines, CSV or parquet. Rows are told by their columns: `messages`,
    `conversations` (ShareGPT), `instruction`/`input`/`output` (Alpaca), `prompt`/`completion`,
    `question`/`answer`; pairs have `prompt`, `chosen` and `rejected`.
    """

    files: list[str] = Field(default_factory=list[str], description="Globs beside models.yaml.")
    dataset: str | None = Field(default=None, description="A hub's dataset, or a folder of one.")
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = Field(
        default=None, description="The hub's commit, 40 hex digits; needed with a hub's dataset."
    )
    split: str = Field(default="train", description="Which of the dataset's splits.")
    limit: Count | None = Field(default=None, description="Rows that are taken, at most.")

    @field_validator("files")
    @classmethod
    def _beside_the_file(cls, value: list[str], info: ValidationInfo) -> list[str]:
        base: Path = (info.context or {}).get("base", Path())
        return [str((base / Path(one).expanduser()).absolute()) for one in value]

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.files) == bool(self.dataset):
            raise ValueError("one of files and dataset")
        return self


class Datasets(Entry):
    """What models learn from, besides golden questions and what people said of answers."""

    examples: list[DataSource] = Field(
        default_factory=list[DataSource], description="Instructions from elsewhere."
    )
    pairs: list[DataSource] = Field(
        default_factory=list[DataSource], description="Preferences from elsewhere."
    )
    candidates: Annotated[int, Strict(), Field(ge=0, le=1_000_000)] = Field(
        default=2_000,
        description="Examples that are made of the corpus's own passages, at most; 0 makes none.",
    )
    writer: str = Field(
        default="extractive:",
        description="The generator that writes their answers, of which the grounded are kept.",
    )
    passages: Annotated[int, Strict(), Field(ge=1, le=100)] = Field(
        default=1, description="Passages that an example of the corpus is answered from."
    )
    least_grounded: Share = Field(
        default=0.99, description="Share of an answer's sentences that must have support."
    )
    least_examples: Count = Field(default=50, description="Fewer examples to train on are refused.")
    least_pairs: Count = Field(default=50, description="Fewer pairs to train on are refused.")
    seed: Annotated[int, Strict(), Field(ge=0)] = Field(
        default=0, description="Seed of every choice that is drawn; measure.seed splits pages."
    )


class _Training(Entry):
    """What every method has."""

    of: ModelName = Field(default=BASE, description="The base or tuned model that it starts from.")
    epochs: Positive = Field(default=1.0, description="Times that the examples are read.")
    steps: Count | None = Field(default=None, description="Optimiser steps, at most.")
    batch: Count = Field(default=4, description="Examples that are computed at once.")
    accumulate: Count = Field(default=2, description="Batches of one optimiser step.")
    max_tokens: Annotated[int, Strict(), Field(ge=16, le=131_072)] = Field(
        default=1_024, description="Tokens of an example; one that is longer is refused."
    )
    warmup: Share = Field(default=0.03, description="Share of the steps until the full rate.")
    evaluate_every: Count = Field(
        default=25, description="Steps between two validations, each of which is a checkpoint."
    )
    patience: Annotated[int, Strict(), Field(ge=0, le=1_000)] = Field(
        default=3, description="Validations without a better loss before it stops; 0: never."
    )
    checkpointing: bool = Field(
        default=False, description="Compute activations twice to hold fewer of them."
    )
    perplexity_loss: Loss = Field(
        default=0.25, description="Share of the base's perplexity that it may lose."
    )
    seed: Annotated[int, Strict(), Field(ge=0)] = Field(
        default=0, description="Seed of initial weights, order and dropout."
    )


class _Adapted(_Training):
    """What methods with a low-rank adapter have.

    Every linear layer is adapted, as https://arxiv.org/abs/2305.14314 found best, with the usual
    alpha of twice the rank.
    """

    rank: Annotated[int, Strict(), Field(ge=1, le=1_024)] = 16
    alpha: Annotated[int, Strict(), Field(ge=1, le=4_096)] = 32
    dropout: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.05
    target_modules: list[str] | Literal["all-linear"] = Field(
        default="all-linear", description="Layers that are adapted, as the model names them."
    )
    bias: Literal["none", "all", "lora_only"] = "none"


class LoraTuning(_Adapted):
    """Low-rank adapters, https://arxiv.org/abs/2106.09685; `qlora` on a base in NF4.

    Of the same examples, `causal` and `seq2seq` learn to write the answer, `answer` where it begins
    and ends in the passages, and `tag` which of their tokens are the answer's.
    """

    method: Literal["lora", "qlora"]
    task: LearnedTask = Field(
        default="causal", description="What is learned; the model that it starts from must fit."
    )
    learning_rate: Rate = 2e-4
    packing: bool = Field(default=False, description="Put several short examples in one row.")

    @model_validator(mode="after")
    def _packed_where_written(self) -> Self:
        if self.packing and self.task != "causal":
            raise ValueError("packing with the task causal alone")
        return self


class PromptTuning(_Training):
    """Vectors before the prompt, and nothing else, are learned; https://arxiv.org/abs/2104.08691."""

    method: Literal["prompt"]
    learning_rate: Rate = 1e-2
    virtual_tokens: Annotated[int, Strict(), Field(ge=1, le=512)] = 16
    initial_text: str = Field(
        default="Answer the question from the passages.",
        description="The tokens whose vectors they begin as.",
    )


class FullTuning(_Training):
    """Every weight is trained."""

    method: Literal["full"]
    learning_rate: Rate = 2e-5
    packing: bool = Field(default=False, description="Put several short examples in one row.")


class RewardTuning(_Adapted):
    """A score of answers from pairs, by Bradley and Terry's model."""

    method: Literal["reward"]
    learning_rate: Rate = 1e-4
    least_accuracy: Share = Field(
        default=0.6, description="Share of the held-out pairs that it must rank rightly."
    )


class PreferenceTuning(_Adapted):
    """Direct preference optimisation, https://arxiv.org/abs/2305.18290; there is no dropout."""

    method: Literal["dpo"]
    learning_rate: Rate = 5e-5
    beta: Positive = 0.1


class _Reinforced(_Adapted):
    """What learns from a reward has: prompts of the examples, answers of its own, no dropout."""

    reward: ModelName = Field(description="The reward model that scores its answers.")
    learning_rate: Rate = 1e-5
    answer_tokens: Count = Field(default=48, description="Tokens of an answer, at most.")
    temperature: Positive = 0.7
    prompts: Count = Field(default=256, description="Prompts that are drawn, at most.")


class PpoTuning(_Reinforced):
    """Proximal policy optimisation, https://arxiv.org/abs/1707.06347.

    On language models as in https://arxiv.org/abs/1909.08593: a penalty on each token's divergence
    from the parent, its coefficient steered towards `target_kl`. A step is a rollout and what is
    learned of it: `rounds` passes, in mini-batches of `batch` times `accumulate` answers.
    """

    method: Literal["ppo"]
    rollout: Count = Field(default=32, description="Answers that are sampled before it learns.")
    evaluate_every: Count = Field(
        default=4, description="Rollouts between two validations, each of which is a checkpoint."
    )
    rounds: Count = Field(default=4, description="Passes over the answers of one rollout.")
    clip: Share = 0.2
    value_clip: Share = 0.2
    value_weight: Positive = 0.1
    discount: Share = 1.0
    gae_lambda: Share = 0.95
    kl_weight: Positive = 0.2
    target_kl: Positive = Field(default=6.0, description="Nats an answer that it steers towards.")
    kl_horizon: Count = Field(default=10_000, description="Answers until the steering settles.")
    most_kl: Positive = Field(
        default=30.0, description="Nats an answer beyond which the training stops as collapsed."
    )


class RlooTuning(_Reinforced):
    """REINFORCE with leave-one-out baselines, https://arxiv.org/abs/2402.14740, through TRL."""

    method: Literal["rloo"]
    answers: Annotated[int, Strict(), Field(ge=2, le=64)] = Field(
        default=4, description="Answers to each prompt, of which the others are the baseline."
    )
    beta: Share = Field(default=0.05, description="Weight of the divergence from the parent.")

    @model_validator(mode="after")
    def _whole_groups(self) -> Self:
        if self.batch * self.accumulate % self.answers:
            raise ValueError("batch times accumulate to be a multiple of answers")
        return self


Tuning = Annotated[
    LoraTuning
    | PromptTuning
    | FullTuning
    | RewardTuning
    | PreferenceTuning
    | PpoTuning
    | RlooTuning,
    Field(discriminator="method"),
]
"""How one model of the table `tuned` is made."""


def asset_of(tuning: Tuning) -> TunedAsset:
    """The asset whose partition it is."""
    return TUNED_ASSETS[tuning.method]


def task_of(tuning: Tuning) -> LearnedTask:
    """What the tuned model does."""
    return tuning.task if isinstance(tuning, LoraTuning) else "causal"


def is_adapter(tuning: Tuning) -> bool:
    """Whether what is trained is merged into weights afterwards."""
    return asset_of(tuning) == "lora_adapter"


def adapter_name(name: str) -> str:
    """What an adapter is named in the store, where the model of that name is the merged one."""
    return f"{name}.adapter"


def learns_from_pairs(tuning: Tuning) -> bool:
    """Whether it reads preferences; the others read examples."""
    return tuning.method in ("reward", "dpo")
