"""`AutoModel`: texts into vectors, the mean over their tokens.

A model that is meant to be pooled otherwise says so in files that only sentence-transformers
reads: for those there is the embedder `huggingface:`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.auto.task import Parts, Task
from rag_pipelines.inference.unit_embedder import unit_vectors

_BATCH = 8


class TextEmbedding(Task):
    """Unit vectors of texts; what a text has beyond the model's context is not read."""

    auto = "AutoModel"
    mappings = ("MODEL_MAPPING_NAMES", "MODEL_FOR_MASKED_LM_MAPPING_NAMES")

    @classmethod
    def does_without(cls, weight: str) -> bool:
        """A pooler reads the first token alone; nothing here asks it."""
        return "pooler" in weight

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        if parts.model.config.is_encoder_decoder:
            raise ModelUnavailable(f"{parts.name}: is an encoder with a decoder; name an encoder")

    @property
    def dimension(self) -> int:
        return int(self._parts.model.config.hidden_size)

    def run(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, shape (len(texts), dimension)."""
        batches = [
            self._batch(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)
        ]
        if not batches:
            return np.empty((0, self.dimension), np.float32)
        return unit_vectors(np.concatenate(batches), len(texts), self.dimension, self.name)

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._computing():
            encoded = self._encoded(
                texts, padding=True, truncation=True, max_length=self.context_tokens
            )
            states = self._parts.model(**encoded).last_hidden_state
            mask = encoded["attention_mask"].unsqueeze(-1).to(states.dtype)
            means = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
            return means.float().cpu().numpy()
