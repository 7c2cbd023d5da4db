"""A chat model's own tokenizer: its template around messages, its tokens, its ends.

By transformers, which needs no torch for it. Does not know the model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.protocols import Message

_UNFINISHED = "\ufffd"


class ChatTokenizer:
    """The tokenizer of a folder. Raises `ModelUnavailable` where there is none that can chat."""

    def __init__(self, folder: Path) -> None:
        try:
            from transformers import AutoTokenizer

            self._raw: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except (ImportError, OSError, ValueError) as error:
            raise ModelUnavailable(f"{folder}: no tokenizer ({str(error)[:300]})") from error
        self.ends = frozenset(_ends(self._raw, folder))

    def ids(self, text: str) -> list[int]:
        """Tokens of a text, special tokens left out."""
        return list(self._raw.encode(text, add_special_tokens=False))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of a conversation that waits for the assistant.

        A model without a chat template reads the texts one after the other.
        """
        said = [{"role": message.role, "content": message.content} for message in messages]
        if not self._raw.chat_template:
            return self.ids("\n\n".join(message.content for message in messages) + "\n\n")
        text = self._raw.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        return self.ids(text)

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens read as, up to the last whole character."""
        text: str = self._raw.decode(tokens, skip_special_tokens=True)
        return text.rstrip(_UNFINISHED)


def _ends(raw: Any, folder: Path) -> list[int]:
    from transformers import GenerationConfig

    ends = [raw.eos_token_id]
    if (folder / "generation_config.json").is_file():
        told = GenerationConfig.from_pretrained(folder).eos_token_id
        ends += told if isinstance(told, list) else [told]
    return [end for end in ends if end is not None]
