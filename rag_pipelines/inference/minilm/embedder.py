"""The embedder `onnx:minilm`: tokens, the int8 graph, several texts at a time.

Each text runs alone, without padding: on this graph that is as fast as any batch, and a text's
vector depends on nothing but the text. Does not know how the graph is made.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.inference.minilm.graph import RECIPE
from rag_pipelines.inference.minilm.store import int8_model, open_session
from rag_pipelines.inference.minilm.weights import SOURCE_SHA256
from rag_pipelines.inference.protocols import Tokenizer
from rag_pipelines.inference.tokenizer import MINILM_TOKENIZER, JsonTokenizer
from rag_pipelines.inference.unit_embedder import UnitEmbedder, fingerprint_of

NAME = "onnx:minilm"
_START, _END = 101, 102
_MOST_THREADS = 8
_FEW = 4


class MiniLM(UnitEmbedder):
    """all-MiniLM-L6-v2, mean pooling, 384 dimensions. Safe to share between threads.

    `threads` texts run at a time, each on one core: as many as the process may use, by default.
    """

    name = NAME
    dimension = 384
    max_tokens = 254
    """256 with the two special tokens."""

    def __init__(self, home: Path, threads: int | None = None) -> None:
        self._tokens = minilm_tokenizer()
        self.tokenizer: Tokenizer = self._tokens
        self.fingerprint = fingerprint_of(
            NAME, SOURCE_SHA256, RECIPE, self.tokenizer.fingerprint, "mean", "unit"
        )
        self._threads = threads or min(_MOST_THREADS, _usable_cores())
        self._session = open_session(int8_model(home))

    def _compute(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(texts) < _FEW or self._threads == 1:
            return np.concatenate([self._vector(text) for text in texts])
        with ThreadPoolExecutor(self._threads) as pool:
            return np.concatenate(list(pool.map(self._vector, texts)))

    def _vector(self, text: str) -> NDArray[np.float32]:
        ids = self._tokens.ids([text])[0][: self.max_tokens]
        row = np.array([[_START, *ids, _END]], np.int64)
        (vector,) = self._session.run(None, {"input_ids": row})
        return np.asarray(vector, np.float32)


def minilm_tokenizer() -> JsonTokenizer:
    """The model's tokenizer, without loading the model."""
    return JsonTokenizer.read(MINILM_TOKENIZER)


def _usable_cores() -> int:
    # Containers and `taskset` give a process fewer cores than the machine has.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
