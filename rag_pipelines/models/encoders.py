"""Models that read, as they are measured: embedders and readers, whatever runs them.

By ONNX Runtime where the folder holds a graph, otherwise by transformers, quantized or not. Does
not know what is measured.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.auto.question_answering import QuestionAnswering
from rag_pipelines.inference.auto.task import Parts
from rag_pipelines.inference.causal import ONNX_FILE
from rag_pipelines.inference.causal_onnx import open_session
from rag_pipelines.inference.onnx_embedder import longest
from rag_pipelines.inference.tokenizer import JsonTokenizer
from rag_pipelines.inference.unit_embedder import unit_vectors

_Vector = Callable[[Sequence[int]], ArrayLike]
"""Tokens of a text with the special ones around them in, its vector out, (1, dimension)."""


class Encoder:
    """An embedding model. Raises `ModelUnavailable` or `ArtifactError` where it cannot be loaded.

    `longest` counts the tokens that it reads of a text, special tokens left out.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._name = folder.name[:12]
        self._tokenizer = JsonTokenizer.read(folder / "tokenizer.json")
        self._before, self._after = self._tokenizer.around()
        self.longest = longest(folder) - len(self._before) - len(self._after)
        of_graph = (folder / ONNX_FILE).is_file()
        self._vector: _Vector = (_by_graph if of_graph else _by_torch)(folder, threads)

    def ids(self, text: str) -> list[int]:
        """Tokens of a text, special tokens left out."""
        return self._tokenizer.ids([text])[0]

    def vector(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The unit vector of a text's tokens, (dimension,). Raises `ModelError` for zero or NaN."""
        found = self._vector([*self._before, *tokens[: self.longest], *self._after])
        return unit_vectors(found, 1, None, self._name)[0]


def open_reader(folder: Path, threads: int) -> QuestionAnswering:
    """A question answering model. Raises as `Encoder` does."""
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{folder}: no tokenizer ({str(error)[:300]})") from error
    of_graph = (folder / ONNX_FILE).is_file()
    model: Any = _ReaderGraph(folder, threads) if of_graph else _reader_by_torch(folder, threads)
    device = str(model.device)
    return QuestionAnswering(Parts(folder.name[:12], folder.name, device, model, tokenizer))


class _ReaderGraph:
    """A reader's graph in the place of transformers' model."""

    device = "cpu"
    """Where its inputs are."""

    def __init__(self, folder: Path, threads: int) -> None:
        from transformers import AutoConfig

        self.config: Any = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        self._session = open_session(folder / ONNX_FILE, threads)
        self._names = [value.name for value in self._session.get_inputs()]

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
        import torch

        told = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
        }
        found: Any = self._session.run(None, {name: told[name].numpy() for name in self._names})
        starts, ends = map(torch.from_numpy, found)
        return SimpleNamespace(start_logits=starts, end_logits=ends)

    __call__ = forward


def _by_graph(folder: Path, threads: int) -> _Vector:
    session = open_session(folder / ONNX_FILE, threads)

    def vector(tokens: Sequence[int]) -> ArrayLike:
        row = np.array([tokens], np.int64)
        found: Any = session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row)})
        return found[0]

    return vector


def _reader_by_torch(folder: Path, threads: int) -> Any:
    return _module(folder, "answer", threads).model


def _by_torch(folder: Path, threads: int) -> _Vector:
    import torch

    module = _module(folder, "embed", threads)

    def vector(tokens: Sequence[int]) -> ArrayLike:
        row = torch.tensor([list(tokens)], device=module.model.device)
        with torch.inference_mode():
            return module(row, torch.ones_like(row)).float().cpu().numpy()

    return vector


def _module(folder: Path, task: Any, threads: int) -> Any:
    """What is exported of such a model, pooling included; `.model` is transformers' own."""
    import torch

    from rag_pipelines.models.onnx_modules import module_for

    torch.set_num_threads(threads)
    return module_for(folder, task).module
