"""What the models of all tasks have in common: parts, digest, context, and typed errors.

Does not know any task.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any, ClassVar

from rag_pipelines.errors import ModelError, ModelUnavailable

_USUAL_TOKENS = 512
_UNSET_TOKENS = 10**9
TYPES = "token_type_ids"
"""Which of two texts a token is of."""
_PADDED = ("roberta", "camembert", "mpnet")
"""Model types whose positions begin after the one of the padding."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A model as it was loaded. `digest` is the SHA-256 of its files."""

    name: str
    digest: str
    device: str
    model: Any
    tokenizer: Any

    @property
    def context_tokens(self) -> int:
        """How many tokens the model reads at once."""
        config = self.model.config
        told = (getattr(config, key, None) for key in ("max_position_embeddings", "n_positions"))
        limits = [int(limit) for limit in told if limit]
        if any(kind in config.model_type for kind in _PADDED):
            limits = [limit - int(config.pad_token_id) - 1 for limit in limits]
        if self.tokenizer.model_max_length < _UNSET_TOKENS:
            limits.append(int(self.tokenizer.model_max_length))
        return min(limits, default=_USUAL_TOKENS)

    @property
    def inputs(self) -> frozenset[str]:
        """What the model reads of a tokenizer's output."""
        return inputs_of(self.model)


def inputs_of(model: Any) -> frozenset[str]:
    """What a model of transformers reads of a tokenizer's output.

    Tokenizers of the general class offer token types to models that have none.
    """
    told = {"input_ids", "attention_mask"}
    types = getattr(model.config, "type_vocab_size", 0)
    if types > 1 and TYPES in signature(model.forward).parameters:
        told.add(TYPES)
    return frozenset(told)


class Task:
    """A model at one task. Every task has `run`: inputs in, one result for each, in order.

    `run` raises `ModelError` where the model fails.
    """

    auto: ClassVar[str]
    """The class of transformers that loads it."""
    mappings: ClassVar[Sequence[str]]
    """Names in transformers' `modeling_auto` of what may be loaded, by model type."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.name, self.digest, self.device = parts.name, parts.digest, parts.device
        self.context_tokens = parts.context_tokens

    @property
    def tokenizer_json(self) -> bytes:
        """The model's tokenizer as `tokenizer.json` has it."""
        backend = getattr(self._parts.tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ModelUnavailable(
                f"{self.name}: its tokenizer is of a kind that cannot locate tokens; "
                "name a model with a tokenizer.json"
            )
        return backend.to_str().encode()

    @classmethod
    def does_without(cls, weight: str) -> bool:
        """Whether a weight may be missing in the files."""
        return False

    def _computing(self) -> AbstractContextManager[None]:
        """Around every call of the model: no gradients, and errors that are ours."""
        return _computing(self.name)

    def _encoded(self, texts: Sequence[str], **options: Any) -> dict[str, Any]:
        """What the model reads, on its device. A lone surrogate reads as a question mark."""
        readable = [text.encode("utf-8", "replace").decode() for text in texts]
        encoded = self._parts.tokenizer(readable, return_tensors="pt", **options)
        return {key: encoded[key].to(self.device) for key in self._parts.inputs & encoded.keys()}


@contextmanager
def _computing(name: str) -> Iterator[None]:
    import torch

    try:
        with torch.inference_mode():
            yield
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        # What torch and transformers raise, at inputs and at models that they do not know.
        raise ModelError(f"{name}: {type(error).__name__}: {str(error)[:300]}") from error
