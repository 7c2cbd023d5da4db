"""An embedder that keeps the vectors of the texts that it was asked for last.

For who asks for the same texts again and again: the sentences of the passages that questions find
are held against every one of them. Knows neither the model nor what the texts are.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.inference.unit_embedder import UnitEmbedder

KEPT = 8_000
"""Texts: with 384 dimensions some 15 MB."""


class RememberingEmbedder(UnitEmbedder):
    """The same vectors as the embedder behind it gives. Safe to share between threads."""

    def __init__(self, embedder: Embedder, kept: int = KEPT) -> None:
        """Vectors of at most `kept` texts are kept, those that were used last."""
        self.name, self.fingerprint = embedder.name, embedder.fingerprint
        self.dimension, self.max_tokens = embedder.dimension, embedder.max_tokens
        self.tokenizer = embedder.tokenizer
        self._embedder, self._kept = embedder, kept
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()

    def _compute(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._lock:
            found = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            found.update(zip(missing, self._embedder.encode(missing), strict=True))
        with self._lock:
            self._keep({text: found[text] for text in texts})
        return np.stack([found[text] for text in texts])

    def _keep(self, used: dict[str, NDArray[np.float32]]) -> None:
        """Keep these as the last ones, and the last ones only."""
        for text, vector in used.items():
            self._vectors[text] = vector.copy()  # a row would keep the whole table alive
            self._vectors.move_to_end(text)
        while len(self._vectors) > self._kept:
            self._vectors.popitem(last=False)

    def embed_query(self, text: str) -> list[float]:
        """See `Embedder`: some models read questions in another way."""
        return self._embedder.embed_query(text)
