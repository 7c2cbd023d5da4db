"""What `models.yaml` may say: base models, the variants wanted of each, and what counts.

Knows the fields, their defaults and their bounds. Does not resolve, make or measure anything.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    Field,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rag_pipelines.config.validation import validated
from rag_pipelines.config.yaml_lines import read_yaml
from rag_pipelines.models.entries import BASE, Entry, Loss, ModelName, Share
from rag_pipelines.models.tuning.config import (
    FITTING,
    Datasets,
    Tuning,
    asset_of,
    is_adapter,
    task_of,
)

DEFAULT_MODELS: Final = "models.yaml"
SHIPPED: Final = "smollm2"

Task = Literal["causal", "embed", "answer", "seq2seq"]
Method = Literal["nf4", "int8", "onnx-fp32", "onnx-int8", "onnx-int4"]
QUANTIZED: Final[tuple[Method, ...]] = ("nf4", "int8")
"""Methods of the asset `quantized_model`; the others are `onnx_model`'s."""
METHODS: Final[tuple[Method, ...]] = (*QUANTIZED, "onnx-fp32", "onnx-int8", "onnx-int4")
USUAL_LOSS: Final[dict[Method, float]] = {
    "nf4": 0.5,
    "int8": 0.1,
    "onnx-fp32": 0.01,
    "onnx-int8": 0.15,
    "onnx-int4": 0.5,
}
"""What is still usual: a model of 135M loses a third in 4 bits, larger ones far less."""
USUAL_COSINE: Final[dict[Method, float]] = {
    "nf4": 0.9,
    "int8": 0.98,
    "onnx-fp32": 0.9999,
    "onnx-int8": 0.97,
    "onnx-int4": 0.9,
}
USUAL_SPANS: Final[dict[Method, float]] = {
    "nf4": 0.7,
    "int8": 0.9,
    "onnx-fp32": 0.99,
    "onnx-int8": 0.85,
    "onnx-int4": 0.7,
}


class BaseSource(Entry):
    """Where an untouched model comes from: one of `hub`, `folder` and `gguf`."""

    hub: str | None = Field(default=None, description="A hub's id, such as org/model.")
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = Field(
        default=None, description="The hub's commit, 40 hex digits; needed with hub."
    )
    folder: Path | None = Field(default=None, description="A folder with safetensors.")
    gguf: str | None = Field(
        default=None, description="A GGUF file, or smollm2 for the one that a package ships."
    )
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None, description="What the resolved model must be; unset, what it was first."
    )
    task: Task = Field(default="causal", description="What the model does.")

    @field_validator("folder")
    @classmethod
    def _beside_the_file(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        base: Path = (info.context or {}).get("base", Path())
        return None if value is None else (base / value.expanduser()).absolute()

    @field_validator("gguf")
    @classmethod
    def _gguf_beside_the_file(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None or value == SHIPPED:
            return value
        base: Path = (info.context or {}).get("base", Path())
        return str((base / Path(value).expanduser()).absolute())

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        named = [n for n in ("hub", "folder", "gguf") if getattr(self, n) is not None]
        if len(named) != 1:
            raise ValueError("one of hub, folder and gguf")
        if (self.hub is None) != (self.revision is None):
            raise ValueError("revision together with hub: what a branch names can change")
        return self


class Variant(Entry):
    """A variant: what it is made of, and how."""

    method: Method = Field(description="How it is made.")
    of: ModelName = Field(default=BASE, description="The model that it is made of.")
    perplexity_loss: Loss = Field(
        default_factory=lambda data: USUAL_LOSS[data["method"]],
        description="Share of the base's perplexity that it may lose; by method if unset.",
    )
    least_cosine: Annotated[float, Field(ge=-1, le=1)] = Field(
        default_factory=lambda data: USUAL_COSINE[data["method"]],
        description="Mean cosine to the base's vectors, of a model that embeds; as above.",
    )
    least_same_spans: Annotated[float, Field(ge=0, le=1)] = Field(
        default_factory=lambda data: USUAL_SPANS[data["method"]],
        description="Share of the base's answers that it gives too, where it reads; as above.",
    )

    @property
    def asset(self) -> Literal["quantized_model", "onnx_model"]:
        """The asset whose partition it is."""
        return "quantized_model" if self.method in QUANTIZED else "onnx_model"


class Weights(Entry):
    """What counts in the verdict, each as a ratio to the base; 0 leaves it out.

    By default half of it is how good a variant is, half what it costs.
    """

    quality: Share = Field(default=0.25, description="Perplexity on held-out text.")
    answers: Share = Field(default=0.25, description="F1 of the answers to golden questions.")
    speed: Share = Field(default=0.3, description="Tokens a CPU second.")
    size: Share = Field(default=0.2, description="Bytes on disk.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.quality or self.answers or self.speed or self.size):
            raise ValueError("one weight at least that is not 0")
        return self


class Measure(Entry):
    """How much is measured. The defaults take a two-core machine a minute or two a variant."""

    questions: Annotated[int, Strict(), Field(ge=0, le=10_000)] = Field(
        default=8, description="Golden questions that each variant answers, at most."
    )
    passages: Annotated[int, Strict(), Field(ge=1, le=100)] = Field(
        default=3, description="Passages that a question is answered from."
    )
    answer_tokens: Annotated[int, Strict(), Field(ge=1, le=4_096)] = Field(
        default=32, description="Tokens of an answer, at most."
    )
    text_tokens: Annotated[int, Strict(), Field(ge=256, le=10_000_000)] = Field(
        default=4_096, description="Tokens of held-out text that perplexity is measured on."
    )
    window: Annotated[int, Strict(), Field(ge=64, le=131_072)] = Field(
        default=128, description="Tokens of one window of that text."
    )
    repeats: Annotated[int, Strict(), Field(ge=3, le=1_000)] = Field(
        default=5, description="How often a generation is timed, after one to warm up."
    )
    threads: Annotated[int, Strict(), Field(ge=1, le=256)] = Field(
        default=1, description="Threads of every variant."
    )
    seed: Annotated[int, Strict(), Field(ge=0)] = Field(
        default=0, description="Seed of every choice that is drawn."
    )


class Gate(Entry):
    """What a challenger has to show to become the champion."""

    least_examples: Annotated[int, Strict(), Field(ge=5, le=100_000)] = Field(
        default=20, description="Held-out answers that it is tried on, at least."
    )
    most_examples: Annotated[int, Strict(), Field(ge=5, le=100_000)] = Field(
        default=50, description="Held-out answers that it is tried on, at most."
    )
    level: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.05, description="Chance of promoting one of all that are tried by luck alone."
    )
    answers_loss: Share = Field(
        default=0.05, description="F1 of answers to golden questions that it may lose."
    )
    latency: Annotated[float, Field(ge=0.1, le=100)] = Field(
        default=1.25, description="Times the champion's first token (p95) that it may take."
    )
    memory: Annotated[float, Field(ge=0.1, le=100)] = Field(
        default=1.25, description="Times the champion's peak memory that it may hold."
    )


class Models(Entry):
    """The whole file."""

    bases: dict[ModelName, BaseSource] = Field(
        default_factory=lambda: {BASE: BaseSource(gguf=SHIPPED)}
    )
    variants: dict[ModelName, Variant] = Field(
        default_factory=lambda: {name: Variant(method=name) for name in METHODS}
    )
    datasets: Datasets = Field(default_factory=Datasets)
    tuned: dict[ModelName, Tuning] = Field(default_factory=dict[ModelName, Tuning])
    measure: Measure = Field(default_factory=Measure)
    weights: Weights = Field(default_factory=Weights)
    gate: Gate = Field(default_factory=Gate)
    accelerate: Path | None = Field(
        default=None,
        description="A configuration of accelerate, by which several devices train; unset, one.",
    )
    memory_bytes: Annotated[int, Strict(), Field(ge=500_000_000)] | None = Field(
        default=None, description="What one worker may allocate; unset, no limit."
    )

    @field_validator("accelerate")
    @classmethod
    def _accelerate_beside_the_file(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        base: Path = (info.context or {}).get("base", Path())
        return None if value is None else (base / value.expanduser()).absolute()

    @model_validator(mode="after")
    def _every_parent_is_there(self) -> Self:
        made = [*self.tuned, *self.variants]
        taken = [n for n in made if n in self.bases or made.count(n) > 1]
        if taken:
            raise ValueError(f"another name for {taken[0]}: another model has it already")
        for name, parent in self._parents().items():
            if parent not in (*self.bases, *self.tuned):
                known = ", ".join([*self.bases, *self.tuned])
                raise ValueError(f"{name} to be made of one of {known}, not of {parent}")
            if parent in self.tuned and self.tuned[parent].method in ("prompt", "reward"):
                raise ValueError(f"{name} to be made of weights that write text, not of {parent}")
        for name, tuning in self.tuned.items():
            self._require_no_circle(name)
            self._require_reward(name, tuning)
            self._require_fitting(name, tuning)
        for name, variant in self.variants.items():
            if (task := self.task_of(variant.of)) in ("seq2seq", "tag"):
                raise ValueError(
                    f"{name} to be made of a model that goes on with text, embeds or answers: "
                    f"{variant.of} is of the task {task}, of which there are no variants"
                )
        return self

    @property
    def assets(self) -> dict[str, str]:
        """The asset that each tuned model and variant is a partition of."""
        tuned = {name: asset_of(tuning) for name, tuning in self.tuned.items()}
        return {**tuned, **{name: variant.asset for name, variant in self.variants.items()}}

    def serving_asset(self, name: str) -> str:
        """The asset whose partition is the model as it is served: of an adapter, what it made."""
        tuning = self.tuned.get(name)
        return "merged_model" if tuning and is_adapter(tuning) else self.assets[name]

    @property
    def compared(self) -> dict[str, Variant | Tuning]:
        """What is compared with its base: tuned models that write text, and variants."""
        tuned = {n: tuning for n, tuning in self.tuned.items() if tuning.method != "reward"}
        return {**tuned, **self.variants}

    def task_of(self, name: str) -> str:
        """What a base or a tuned model does."""
        return self.bases[name].task if name in self.bases else task_of(self.tuned[name])

    def base_of(self, name: str) -> str:
        """The base model that a model goes back to; a base is its own."""
        parents = self._parents()
        while name not in self.bases:
            name = parents[name]
        return name

    def _parents(self) -> dict[str, str]:
        return {name: made.of for name, made in (*self.tuned.items(), *self.variants.items())}

    def _require_no_circle(self, name: str) -> None:
        seen, parent = {name}, self.tuned[name].of
        while parent in self.tuned:
            if parent in seen:
                raise ValueError(f"{name} to be made of what is not made of itself")
            seen.add(parent)
            parent = self.tuned[parent].of

    def _require_fitting(self, name: str, tuning: Tuning) -> None:
        """An encoder loaded to write would do so with random weights, and no word of it."""
        wanted, given = task_of(tuning), self.task_of(tuning.of)
        if given not in FITTING[wanted]:
            raise ValueError(
                f"{name}, which learns the task {wanted}, to be made of a model of the task "
                f"{' or '.join(FITTING[wanted])}, and {tuning.of} is of {given}"
            )

    def _require_reward(self, name: str, tuning: Tuning) -> None:
        wanted = getattr(tuning, "reward", None)
        if wanted is None:
            return
        rewards = [n for n, one in self.tuned.items() if one.method == "reward"]
        if wanted not in rewards:
            known = ", ".join(rewards) or "none is there"
            raise ValueError(f"the reward of {name} to be a reward model ({known}), not {wanted}")


def load_models(path: Path) -> Models:
    """The file, or the shipped model with every method where the default file is not there.

    Raises `ConfigError` with `file:line` for every mistake.
    """
    if path.name == DEFAULT_MODELS and not path.exists():
        return Models()
    return validated(read_yaml(path), Models, {"base": path.absolute().parent})
