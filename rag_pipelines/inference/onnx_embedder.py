"""The embedder `onnx:` by folder or variant of the factory: an encoder that pools in its graph.

`models.onnx_export` writes such graphs, with the output `sentence_embedding`. The shipped
`onnx:minilm` has a graph of its own.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.causal import ONNX_FILE
from rag_pipelines.inference.causal_onnx import open_session
from rag_pipelines.inference.local_models import local_model
from rag_pipelines.inference.names import ModelName
from rag_pipelines.inference.protocols import Tokenizer
from rag_pipelines.inference.tokenizer import JsonTokenizer
from rag_pipelines.inference.unit_embedder import UnitEmbedder, fingerprint_of

_OUTPUT = "sentence_embedding"
_USUAL_TOKENS = 512


class OnnxEmbedder(UnitEmbedder):
    """One text at a time, without padding. Raises `ModelUnavailable` where it cannot be loaded."""

    def __init__(self, name: ModelName, home: Path) -> None:
        found = local_model(name, home)
        self.name = str(name)
        self._session = open_session(found.folder / ONNX_FILE, max(1, (os.cpu_count() or 1) // 2))
        outputs = {value.name: value.shape for value in self._session.get_outputs()}
        if _OUTPUT not in outputs:
            raise ModelUnavailable(f"{name} embeds no text; its graph has {', '.join(outputs)}")
        self.dimension = int(outputs[_OUTPUT][-1])
        own = JsonTokenizer.read(found.folder / "tokenizer.json")
        self.tokenizer: Tokenizer = own
        self._own, (self._before, self._after) = own, own.around()
        special = len(self._before) + len(self._after)
        self.max_tokens = longest(found.folder) - special
        self.fingerprint = fingerprint_of(self.name, found.digest, "unit")

    def _compute(self, texts: Sequence[str]) -> ArrayLike:
        return np.concatenate([self._vector(text) for text in texts])

    def _vector(self, text: str) -> ArrayLike:
        ids = self._own.ids([text])[0][: self.max_tokens]
        row = np.array([[*self._before, *ids, *self._after]], np.int64)
        (vector,) = self._session.run([_OUTPUT], {"input_ids": row, "attention_mask": row * 0 + 1})
        return np.asarray(vector)


def longest(folder: Path) -> int:
    """Tokens of a text, special ones counted, as sentence-transformers or the model says."""
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("config.json", "max_position_embeddings"),
    ):
        if (folder / name).is_file() and (told := json.loads((folder / name).read_text()).get(key)):
            return int(told)
    return _USUAL_TOKENS
