"""The generator `extractive:`: answers in the passages' own sentences, with no model at all."""

from collections.abc import Iterator

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

    def stream(self, prompt: Prompt, max_tokens: int) -> Iterator[str]:
        """One piece for each sentence."""
        left = max_tokens
        for position, sentence in enumerate(
            best_sentences(prompt.question, prompt.hits, _SENTENCES)
        ):
            left -= len(sentence.text.split())
            if left < 0 and position:
                return
            yield f" {sentence.text}" if position else sentence.text
