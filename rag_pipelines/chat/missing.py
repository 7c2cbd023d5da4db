"""Stands in for a generator that could not be loaded, so that search works until it can be."""

from collections.abc import Iterator
from dataclasses import dataclass

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.protocols import Prompt


@dataclass
class MissingGenerator:
    """A generator that answers every question with why it is not there."""

    name: str
    reason: str
    digest: str = ""
    context_tokens: int = 2048

    def stream(self, prompt: Prompt, max_tokens: int) -> Iterator[str]:
        raise ModelUnavailable(self.reason)
