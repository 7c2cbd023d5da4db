"""The generator `extractive:`: answers in the passages' own sentences, with no model at all."""

import os
from collections.abc import AsyncGenerator, Sequence

from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.sentences import best_sentences

NAME = "extractive:"
_SENTENCES = 3


class ExtractiveGenerator:
    """The sentences that support an answer best, verbatim, best first.

    Says nothing at all where no passage shares a word with the question. `max_tokens` counts
    words here.
    """

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
        """One piece for each sentence."""
        left = max_tokens
        for position, sentence in enumerate(
            best_sentences(prompt.question, prompt.hits, _SENTENCES)
        ):
            left -= len(sentence.text.split())
            if left < 0 and position:
                return
            yield f" {sentence.text}" if position else sentence.text
