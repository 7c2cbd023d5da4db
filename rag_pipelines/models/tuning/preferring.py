"""Pairs as TRL's trainers take them, and what is refused.

Knows rows and their tokens. Does not train. Only the worker's process imports this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from datasets import Dataset as Rows  # noqa: TID253

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.tuning.data import Dataset, messages_of
from rag_pipelines.records import Pair

_LEAST: Final = 8
"""Fewer pairs say nothing; `least_pairs` in `models.yaml` asks for more."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs whose two answers differ, by split."""

    train: Sequence[Pair]
    validation: Sequence[Pair]
    test: Sequence[Pair]


def pairs_of(data: Dataset, tokenizer: Any, most: int) -> Pairs:
    """What can be learned of. Raises `ArtifactError` where that is too little.

    And where a conversation with one of its answers has more than `most` tokens.
    """
    every = data.pairs("train")
    found = Pairs(*(_differing(data.pairs(s)) for s in ("train", "validation", "test")))
    if every and not found.train:
        raise ArtifactError(
            f"each of the {len(every)} pairs prefers an answer to itself: there is one class "
            "only, and nothing to tell apart; collect thumbs down or corrections, or name pair "
            "files in models.yaml"
        )
    if len(found.train) < _LEAST:
        raise ArtifactError(
            f"the dataset {data.digest[:12]} has {len(found.train)} pairs to train on whose "
            f"answers differ, and at least {_LEAST} are needed; collect more feedback, or name "
            "pair files in models.yaml"
        )
    if not (found.validation or found.test):
        raise ArtifactError(
            f"the dataset {data.digest[:12]} holds no pair out, so that nothing would tell what "
            "was learned; collect pairs about more pages"
        )
    for one in (*found.train, *found.validation, *found.test):
        _require_short(one, tokenizer, most)
    return found


def rows_of(pairs: Sequence[Pair]) -> Rows:
    """Conversations with two answers each, as TRL has them."""
    return Rows.from_list(
        [
            {
                "prompt": messages_of(one),
                "chosen": [{"role": "assistant", "content": one.chosen}],
                "rejected": [{"role": "assistant", "content": one.rejected}],
            }
            for one in pairs
        ]
    )


def _differing(pairs: Sequence[Pair]) -> list[Pair]:
    return [one for one in pairs if one.chosen.strip() != one.rejected.strip()]


def _require_short(pair: Pair, tokenizer: Any, most: int) -> None:
    for answer in (pair.chosen, pair.rejected):
        whole = [*messages_of(pair), {"role": "assistant", "content": answer}]
        tokens = tokenizer.apply_chat_template(whole, tokenize=True, return_dict=True)["input_ids"]
        if len(tokens) > most:
            raise ArtifactError(
                f"a pair of {len(tokens)} tokens is longer than {most}, which is max_tokens or "
                "the model's context; raise max_tokens if it can be, or leave the pair out: "
                f"{answer[:80]!r}"
            )
