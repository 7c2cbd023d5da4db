"""What a reward model says of answers: the one way in which trainers and promotion ask it.

Knows how a conversation becomes the reward model's own tokens. Does not train. Only the worker's
process imports this module.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from safetensors import SafetensorError
from transformers import (  # noqa: TID253
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from rag_pipelines.errors import ArtifactError

Messages = Sequence[Mapping[str, str]]
Scorer = Callable[[Sequence[Messages], Sequence[str]], list[float]]
"""A score of each answer to each conversation: the higher, the better."""


class RewardModel:
    """A model of one label in a folder; `score` is a `Scorer`.

    The score is the logit at the last token of the conversation with the answer in it, as the
    reward model's own chat template writes them: nothing of the policy's tokens matters.
    """

    def __init__(self, folder: Path, batch: int) -> None:
        """Reads `batch` answers at once. Raises `ArtifactError` where it is no reward model."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            model: Any = AutoModelForSequenceClassification.from_pretrained(
                folder,
                use_safetensors=True,
                dtype=torch.float32 if device == "cpu" else "auto",
                **where,
            )
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, **where)
        except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
            raise ArtifactError(
                f"{folder} holds no reward model ({str(error)[:300]}); "
                "name one that the method reward trained"
            ) from error
        _require_one_label(model, folder)
        self._of(model.to(device), tokenizer, batch)

    @classmethod
    def loaded(cls, model: Any, tokenizer: Any, batch: int) -> "RewardModel":
        """One whose network is in memory already."""
        made = cls.__new__(cls)
        made._of(model, tokenizer, batch)
        return made

    def _of(self, model: Any, tokenizer: Any, batch: int) -> None:
        self._model, self._tokenizer, self._batch = model.eval(), tokenizer, batch
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        # The network reads its score at the last token that is no padding.
        model.config.get_text_config().pad_token_id = tokenizer.pad_token_id

    def score(self, conversations: Sequence[Messages], answers: Sequence[str]) -> list[float]:
        """See `Scorer`. Raises `ArtifactError` where one is longer than the model's context."""
        pairs = zip(conversations, answers, strict=True)
        rows = [self._tokens(messages, answer) for messages, answer in pairs]
        starts = range(0, len(rows), self._batch)
        return [one for at in starts for one in self._logits(rows[at : at + self._batch])]

    def _tokens(self, messages: Messages, answer: str) -> list[int]:
        whole = [*map(dict, messages), {"role": "assistant", "content": answer}]
        tokens = self._tokenizer.apply_chat_template(whole, tokenize=True, return_dict=True)
        found: list[int] = tokens["input_ids"]
        most = self._model.config.get_text_config().max_position_embeddings
        if len(found) > most:
            raise ArtifactError(
                f"a conversation of {len(found)} tokens is longer than the {most} that the reward "
                "model reads; shorten the prompts or lower answer_tokens"
            )
        return found

    def _logits(self, rows: Sequence[list[int]]) -> list[float]:
        longest = max(map(len, rows))
        pad, device = self._tokenizer.pad_token_id, self._model.device
        ids = [row + [pad] * (longest - len(row)) for row in rows]
        read = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        with torch.inference_mode():
            logits = self._model(
                input_ids=torch.tensor(ids, device=device),
                attention_mask=torch.tensor(read, device=device),
            ).logits
        return logits[:, 0].float().tolist()


def _require_one_label(model: Any, folder: Path) -> None:
    if model.config.num_labels != 1:
        raise ArtifactError(
            f"{folder} tells {model.config.num_labels} labels apart, and a reward model has one; "
            "name one that the method reward trained"
        )
