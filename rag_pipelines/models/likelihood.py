"""How likely a model finds answers that it did not learn: the mean of an answer's tokens.

Works alike on torch and on ONNX Runtime, and is deterministic. Does not judge which is better.
"""

from collections.abc import Sequence

import numpy as np

from rag_pipelines.inference.causal import CausalModel
from rag_pipelines.inference.chat_tokenizer import ChatTokenizer
from rag_pipelines.models.tuning.data import conversation_of
from rag_pipelines.records import Example, Progress


def likelihoods(
    model: CausalModel, tokenizer: ChatTokenizer, examples: Sequence[Example], progress: Progress
) -> dict[str, float]:
    """Nats a token, by the id of the example: the nearer to 0 the likelier is its answer.

    One that is longer than the model's context is left out.
    """
    found: dict[str, float] = {}
    for done, example in enumerate(examples, 1):
        prompt = tokenizer.prompt(conversation_of(example))
        answer = tokenizer.ids(example.completion)
        if answer and len(prompt) + len(answer) <= model.context_tokens:
            found[example.id] = _of_answer(model, prompt, answer)
        progress("likelihood of held-out answers", done, len(examples))
    return found


def _of_answer(model: CausalModel, prompt: Sequence[int], answer: Sequence[int]) -> float:
    tokens = [*prompt, *answer]
    logits, _ = model.step(tokens[:-1], None)
    wide = logits[-len(answer) :].astype(np.float64)
    wide -= wide.max(-1, keepdims=True)
    chances = wide[np.arange(len(answer)), list(answer)] - np.log(np.exp(wide).sum(-1))
    return float(chances.mean())
