"""Prompts out of examples: what is answered to learn from a reward, and what is held out.

Knows rows and their tokens. Does not sample. Only the worker's process imports this module.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.tuning.config import PpoTuning, RlooTuning
from rag_pipelines.models.tuning.data import Dataset, Split, messages_of
from rag_pipelines.models.tuning.scores import Messages

_HELD_OUT: Final = 64
"""Prompts of validation and of test, at most: each is answered, which takes longer than reading."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation that waits for an answer, and its tokens."""

    messages: Messages
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is answered to learn, to know when to stop, and to tell what it came to."""

    train: Sequence[Prompt]
    validation: Sequence[Prompt]
    test: Sequence[Prompt]

    @property
    def measured(self) -> Sequence[Prompt]:
        """What the result is told of: the test's, or validation's where it has none."""
        return self.test or self.validation


def prompts_of(data: Dataset, tokenizer: Any, tuning: PpoTuning | RlooTuning, most: int) -> Prompts:
    """Each different prompt of the examples once, in an order that follows from the seed.

    Raises `ArtifactError` where there is none to train on, and where one with its answer may have
    more than `most` tokens.
    """
    train = _drawn(data, "train", tokenizer, tuning)[: tuning.prompts]
    if not train:
        raise ArtifactError(
            f"the dataset {data.digest[:12]} has no prompts to train on; add golden questions or "
            "sources of examples to models.yaml, and make it again"
        )
    held_out = [_drawn(data, split, tokenizer, tuning) for split in ("validation", "test")]
    found = Prompts(train, *(one[:_HELD_OUT] for one in held_out))
    for one in (*found.train, *found.validation, *found.test):
        _require_short(one, tuning.answer_tokens, most)
    return found


def _drawn(
    data: Dataset, split: Split, tokenizer: Any, tuning: PpoTuning | RlooTuning
) -> list[Prompt]:
    every = [_prompt(messages_of(row), tokenizer) for row in data.examples(split)]
    found = list({one.tokens: one for one in every}.values())
    random.Random(tuning.seed).shuffle(found)  # noqa: S311 - an order, no secret
    return found


def _prompt(messages: Messages, tokenizer: Any) -> Prompt:
    tokens = tokenizer.apply_chat_template(
        list(messages), tokenize=True, return_dict=True, add_generation_prompt=True
    )
    return Prompt(messages, tuple(tokens["input_ids"]))


def _require_short(prompt: Prompt, answer_tokens: int, most: int) -> None:
    if len(prompt.tokens) + answer_tokens > most:
        raise ArtifactError(
            f"a prompt of {len(prompt.tokens)} tokens and an answer of {answer_tokens} are longer "
            f"than {most}, which is max_tokens or the model's context; raise max_tokens if it can "
            "be, lower answer_tokens, or leave the example out: "
            f"{prompt.messages[-1]['content'][:80]!r}"
        )
