"""The generator `extractive:`: passages in their own words, with no model at all.

Which of their sentences answer a question is for `retrieval` to say (`extractive_answer`), where
the service asks; here stands what makes it a generator like any other.
"""

import os
from collections.abc import AsyncGenerator, Sequence

from rag_pipelines.inference.protocols import Prompt

NAME = "extractive:"


class ExtractiveGenerator:
    """The passages, verbatim, best first. `max_tokens` counts words here."""

    name = NAME
    digest = ""
    context_tokens = 1_000_000
    """It reads the hits, not the prompt, so nothing needs cutting for its sake."""
    follows_instructions = False
    slots = 4 * (os.cpu_count() or 1)
    """An answer takes milliseconds, so a few for each core are never in each other's way."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Words, for that is what `max_tokens` counts here."""
        return [len(text.split()) for text in texts]

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """One piece for each passage, the last cut where no more words are allowed."""
        left = max_tokens
        for hit in prompt.hits:
            words = hit.chunk.text.split()[:left]
            left -= len(words)
            if words:
                yield f"{' '.join(words)}\n"
