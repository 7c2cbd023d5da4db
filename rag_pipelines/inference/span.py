"""The generator `span:`: an exact span of a passage, by extractive question answering.

`span:FOLDER` or a hub's name. Says where the span stands and writes nothing of its own. Does not
know citations.
"""

import os
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.auto.question_answering import LONGEST, QuestionAnswering
from rag_pipelines.inference.names import ModelName
from rag_pipelines.inference.protocols import NO_ANSWER, Prompt, Quotation
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers
from rag_pipelines.inference.threaded import Put, pieces_of
from rag_pipelines.inference.tokenizer import JsonTokenizer
from rag_pipelines.records import Hit


class SpanGenerator:
    """A question answering model with one slot: a second question waits for its one thread.

    `threads` defaults to half the cores, at least one. Raises `ModelUnavailable` as `load` does.
    """

    context_tokens = 1_000_000
    """It reads the hits in windows, not the prompt, so nothing needs cutting for its sake."""
    slots = 1
    follows_instructions = False

    def __init__(
        self, name: ModelName, servers: ModelServers = NO_SERVERS, threads: int | None = None
    ) -> None:
        self.name = str(name)
        threads = threads or max(1, (os.cpu_count() or 1) // 2)
        self._reader = load(
            QuestionAnswering, name.model, offline=servers.hf_offline, threads=threads
        )
        self.digest = self._reader.digest
        self._tokenizer = JsonTokenizer(self._reader.tokenizer_json, self.name)
        self._thread = ThreadPoolExecutor(1, "span")

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, by the model's own tokenizer."""
        return self._tokenizer.count([text.encode("utf-8", "replace").decode() for text in texts])

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """One piece: the span as a `Quotation`, or `NO_ANSWER`.

        Closing it stops the model at its next window.
        """

        def write(put: Put, stopped: threading.Event) -> None:
            put(self._read(prompt, max_tokens, stopped) or NO_ANSWER)

        async with aclosing(pieces_of(self._thread, write)) as pieces:
            async for piece in pieces:
                yield piece

    def _read(self, prompt: Prompt, max_tokens: int, stopped: threading.Event) -> Quotation | None:
        """The best span of all hits, of equals the one of the better hit."""
        longest = max(1, min(max_tokens, LONGEST))
        found: Quotation | None = None
        highest = 0.0
        for hit in prompt.hits:
            for span in self._reader.spans(prompt.question, _quotable(hit), longest):
                if stopped.is_set():
                    return None
                if span.score > highest:
                    found, highest = Quotation(hit, span.start, span.end), span.score
        return found


def _quotable(hit: Hit) -> str:
    """A hit's text, of a table its rows: the rest of one is what we say about it.

    What is left out is blank, so that every place stays as it is.
    """
    if hit.chunk.kind != "table":
        return hit.chunk.text
    lines = hit.chunk.text.split("\n")
    return "\n".join(line if line.startswith("|") else " " * len(line) for line in lines)
