"""Causal language models in this process, whatever runs them: tokens in, logits and a cache out.

Knows how an answer is decoded, greedily and in blocks that can be stopped. Does not know chat
templates, prompts, or how a model is made.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ModelUnavailable

PREFILL = 64
"""Tokens of a prompt between two chances to stop: well under a second on one slow core."""
MOST_CONTEXT = 4096
ONNX_FILE = "model.onnx"

Cache = Any
"""What a model remembers of earlier tokens: used once, since `step` may change it."""
Logits = NDArray[np.float32]


class CausalModel(Protocol):
    """One sequence at a time. `step` may be called from one thread at a time."""

    context_tokens: int

    def step(self, tokens: Sequence[int], cache: Cache | None) -> tuple[Logits, Cache]:
        """Logits after each of the tokens, shape (len(tokens), vocabulary), and the new cache.

        None is the cache before the first token.
        """
        ...


def greedy(
    model: CausalModel,
    prompt: Sequence[int],
    most: int,
    ends: Collection[int],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[int]:
    """The most likely tokens after a prompt: up to `most`, without the one that ends."""
    logits, cache = prefilled(model, prompt, stopped)
    for written in range(1, most + 1):
        if stopped():
            return
        token = int(logits[-1].argmax())
        if token in ends:
            return
        yield token
        if written < most:
            logits, cache = model.step([token], cache)


def prefilled(
    model: CausalModel, prompt: Sequence[int], stopped: Callable[[], bool] = lambda: False
) -> tuple[Logits, Cache]:
    """Logits after the prompt's last block, and the cache; where stopped, of what was read."""
    logits, cache = model.step(prompt[:PREFILL], None)
    for start in range(PREFILL, len(prompt), PREFILL):
        if stopped():
            break
        logits, cache = model.step(prompt[start : start + PREFILL], cache)
    return logits, cache


def open_causal(folder: Path, threads: int) -> CausalModel:
    """The model of a folder: by ONNX Runtime where it holds a graph, otherwise by transformers.

    On a GPU where there is one that the runtime can use, otherwise on `threads` threads.

    Raises `ModelUnavailable` where the extra `models` is missing or the folder cannot be loaded.
    """
    if (folder / ONNX_FILE).is_file():
        from rag_pipelines.inference.causal_onnx import OnnxCausal

        return OnnxCausal(folder, threads)
    try:
        from rag_pipelines.inference.causal_torch import TorchCausal
    except ImportError as error:
        raise ModelUnavailable(
            f"{folder}: run: pip install 'rag_pipelines[models]' ({error})"
        ) from error
    return TorchCausal(folder, threads)
