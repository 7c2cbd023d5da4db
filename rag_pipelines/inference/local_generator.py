"""The generators `transformers:` and `onnx:`: a causal model in this process, one answer at a time.

Does not know prompts or citations, nor what runs the model: see `causal`.
"""

import os
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.causal import ONNX_FILE, greedy, open_causal
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.inference.local_models import local_model
from rag_pipelines.inference.names import ModelName
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.threaded import Put, pieces_of


class LocalGenerator:
    """A folder or a variant of the factory, with one slot.

    `threads` defaults to half the cores, at least one. Raises `ModelUnavailable` where the model
    or what runs it is missing, altered, or of the other provider's kind.
    """

    slots = 1
    follows_instructions = False
    """The factory's default models are too small to rewrite a question."""

    def __init__(
        self, name: ModelName, home: Path, digest: str = "", threads: int | None = None
    ) -> None:
        found = local_model(name, home, digest)
        is_graph = (found.folder / ONNX_FILE).is_file()
        if is_graph != (name.provider == "onnx"):
            other = "onnx" if is_graph else "transformers"
            raise ModelUnavailable(f"{name} is of another kind; write {other}:{name.model}")
        self.name, self.digest = str(name), found.digest
        self._tokenizer = ChatTokenizer(found.folder)
        threads = threads or max(1, (os.cpu_count() or 1) // 2)
        self._model = open_causal(found.folder, threads)
        self.context_tokens = self._model.context_tokens
        self._thread = ThreadPoolExecutor(1, name.provider)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, by the model's own tokenizer."""
        return [len(self._tokenizer.ids(text)) for text in texts]

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """Pieces of the answer as they come, the most likely token each time."""

        def write(put: Put, stopped: threading.Event) -> None:
            self._write(self._tokenizer.prompt(prompt.messages), max_tokens, put, stopped)

        async with aclosing(pieces_of(self._thread, write)) as pieces:
            async for piece in pieces:
                yield piece

    def _write(self, tokens: list[int], most: int, put: Put, stopped: threading.Event) -> None:
        if len(tokens) + most > self.context_tokens:
            raise ModelError(
                f"{self.name}: {len(tokens)} tokens of prompt and {most} of answer are more than "
                f"its {self.context_tokens}"
            )
        written: list[int] = []
        told = ""
        try:
            for token in greedy(self._model, tokens, most, self._tokenizer.ends, stopped.is_set):
                written.append(token)
                text = self._tokenizer.text(written)
                if text.startswith(told) and text != told:
                    put(text[len(told) :])
                    told = text
        except (RuntimeError, ValueError) as error:  # what torch and ONNX Runtime raise
            raise ModelError(f"{self.name}: {str(error)[:300]}") from error
