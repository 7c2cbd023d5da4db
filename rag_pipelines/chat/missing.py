"""Stands in for a generator that could not be loaded, so that search works until it can be."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.token_counts import approximate_tokens


@dataclass
class MissingGenerator:
    """A generator that answers every question with why it is not there."""

    name: str
    reason: str
    digest: str = ""
    context_tokens: int = 2048
    slots: int = 1
    follows_instructions: bool = False

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [approximate_tokens(text) for text in texts]

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        raise ModelUnavailable(self.reason)
        yield  # never reached, but makes this a generator
