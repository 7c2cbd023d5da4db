"""Examples as TRL's trainer takes them, and what is refused.

Knows rows and their tokens. Does not train. Only the worker's process imports this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from datasets import Dataset as Rows  # noqa: TID253

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.tuning.data import Dataset, messages_of
from rag_pipelines.records import Example

_LEAST: Final = 8
"""Fewer examples teach nothing; `least_examples` in `models.yaml` asks for more."""


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learned of, and what tells when to stop and what it came to."""

    train: Sequence[Example]
    validation: Sequence[Example]


def examples_of(data: Dataset, tokenizer: Any, most: int) -> Examples:
    """What can be learned of. Raises `ArtifactError` where that is too little.

    And where a conversation with its answer has more than `most` tokens.
    """
    found = Examples(data.examples("train"), data.examples("validation"))
    require_enough(data, len(found.train), len(found.validation))
    for one in (*found.train, *found.validation):
        require_short(one, len(tokens_of(one, tokenizer)), most)
    return found


def tokens_of(example: Example, tokenizer: Any) -> list[int]:
    """The tokens of a conversation with its answer."""
    whole = [*messages_of(example), _answer(example)]
    return tokenizer.apply_chat_template(whole, tokenize=True, return_dict=True)["input_ids"]


def require_enough(data: Dataset, train: int, validation: int) -> None:
    """Raise `ArtifactError` where so few examples can be learned of that nothing comes of it."""
    if train < _LEAST:
        raise ArtifactError(
            f"the dataset {data.digest[:12]} has {train} examples to train on, and at "
            f"least {_LEAST} are needed; add golden questions or sources of examples to models.yaml"
        )
    if not validation:
        raise ArtifactError(
            f"the dataset {data.digest[:12]} has no example for validation, so that nothing would "
            "tell when to stop; add examples about more pages, or change the seed of datasets"
        )


def require_short(example: Example, tokens: int, most: int) -> None:
    """Raise `ArtifactError` where an example has more tokens than a row may have."""
    if tokens > most:
        raise ArtifactError(
            f"the example {example.id} of {tokens} tokens is longer than {most}, which is "
            "max_tokens or the model's context; raise max_tokens if it can be, or leave the "
            f"example out: {example.contents[-1][:80]!r}"
        )


def rows_of(examples: Sequence[Example]) -> Rows:
    """Conversations with their answers, as TRL has them: the loss is on the answers alone."""
    return Rows.from_list(
        [{"prompt": messages_of(one), "completion": [_answer(one)]} for one in examples]
    )


def _answer(example: Example) -> dict[str, str]:
    return {"role": "assistant", "content": example.completion}
