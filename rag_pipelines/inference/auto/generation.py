"""`AutoModelForCausalLM` and `AutoModelForSeq2SeqLM`: texts that go on, and texts made of texts.

Greedy unless the model's own generation settings search by beams: the same text always gives the
same. Does not know chat templates, nor what a text is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.auto.task import Task

_MOST_TOKENS = 128


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote: `complete` where it ended by itself rather than at the limit."""

    text: str
    tokens: int
    complete: bool


class CausalLM(Task):
    """Texts that a model goes on with."""

    auto = "AutoModelForCausalLM"
    mappings = ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",)

    def run(self, prompts: Sequence[str], max_tokens: int = _MOST_TOKENS) -> list[Written]:
        """How each text goes on, itself left out. `ModelError` where one fills the context."""
        return [self._one(prompt, max_tokens) for prompt in prompts]

    def _one(self, prompt: str, max_tokens: int) -> Written:
        with self._computing():
            encoded = self._encoded([prompt])
            length = encoded["input_ids"].shape[1]
            if length + max_tokens > self.context_tokens:
                raise ModelError(
                    f"{self.name}: {length} tokens and {max_tokens} to write, the context has "
                    f"{self.context_tokens}; shorten the text"
                )
            return _written(self, encoded, max_tokens, length)


class Seq2SeqLM(Task):
    """Summaries or translations, whichever the model was trained for."""

    auto = "AutoModelForSeq2SeqLM"
    mappings = ("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",)

    @property
    def prefix(self) -> str:
        """What a model of several tasks (T5) wants in front of a text to summarise."""
        told: Any = getattr(self._parts.model.config, "task_specific_params", None) or {}
        return str(told.get("summarization", {}).get("prefix", ""))

    def run(self, texts: Sequence[str], max_tokens: int = _MOST_TOKENS) -> list[Written]:
        """What the model makes of each text; of a text beyond its context it reads the beginning.

        A model of several tasks is told by the text's first words which one is meant.
        """
        return [self._one(text, max_tokens) for text in texts]

    def _one(self, text: str, max_tokens: int) -> Written:
        with self._computing():
            encoded = self._encoded([text], truncation=True, max_length=self.context_tokens)
            return _written(self, encoded, max_tokens, 1)


def _written(task: CausalLM | Seq2SeqLM, encoded: Any, max_tokens: int, skipped: int) -> Written:
    """Generate, and read what comes after the first `skipped` tokens."""
    model, tokenizer = task._parts.model, task._parts.tokenizer
    ids = model.generate(
        input_ids=encoded["input_ids"],
        attention_mask=encoded["attention_mask"],
        max_new_tokens=max_tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
    )[0][skipped:].tolist()
    settings = model.generation_config
    ends = settings.eos_token_id
    ended = bool(ids) and ids[-1] in (ends if isinstance(ends, list) else [ends])
    # Some models are made to end at the limit.
    complete = ended and not (settings.forced_eos_token_id and len(ids) == max_tokens)
    return Written(tokenizer.decode(ids, skip_special_tokens=True).strip(), len(ids), complete)
