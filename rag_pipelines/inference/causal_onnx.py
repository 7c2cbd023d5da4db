"""A causal model as one ONNX graph for prefill and decode, by ONNX Runtime.

The graph's first input is `input_ids`, the others are the cache of each layer, empty at first; its
first output is `logits`, the others are the cache as it is afterwards. `models.onnx_export` writes
such graphs.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.causal import MOST_CONTEXT, ONNX_FILE, Cache, Logits

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""Best first."""


class OnnxCausal:
    """See `CausalModel`. The cache is a list of ONNX Runtime's own values, one for each input.

    Each is (1, heads, past tokens, width) and stays where the session computes: as numpy arrays
    they would be copied with every token.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        """Raises `ModelUnavailable` where the graph cannot be loaded."""
        from onnxruntime import OrtValue

        self.context_tokens = context_of(folder)
        self._session = session = open_session(folder / ONNX_FILE, threads)
        self._device = "cuda" if session.get_providers()[0] == _PROVIDERS[0] else "cpu"
        _, *past = session.get_inputs()
        _, *self._present = [value.name for value in session.get_outputs()]
        self._empty: dict[str, Any] = {
            value.name: OrtValue.ortvalue_from_numpy(_empty(value.shape)) for value in past
        }

    def step(self, tokens: Sequence[int], cache: Cache | None) -> tuple[Logits, Cache]:
        """See `CausalModel`."""
        past = self._empty.values() if cache is None else cache
        bound = self._session.io_binding()
        bound.bind_cpu_input("input_ids", np.array([tokens], np.int64))
        for name, value in zip(self._empty, past, strict=True):
            bound.bind_ortvalue_input(name, value)
        bound.bind_output("logits", "cpu")
        for name in self._present:
            bound.bind_output(name, self._device)
        self._session.run_with_iobinding(bound)
        logits, *present = bound.get_outputs()
        return np.asarray(logits.numpy()[0], np.float32), present


def open_session(model: Path, threads: int) -> "InferenceSession":
    """A session on the best device; `ModelUnavailable` where the graph cannot be loaded."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # every length is another shape
    there = ort.get_available_providers()
    wanted = [provider for provider in _PROVIDERS if provider in there]
    try:
        return ort.InferenceSession(str(model), options, providers=wanted)
    except Exception as error:  # its exceptions share no class of their own
        raise ModelUnavailable(f"{model} cannot be loaded: {str(error)[:300]}") from error


def context_of(folder: Path) -> int:
    """Tokens of prompt and answer together, as `config.json` says, and bounded."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{folder}: config.json cannot be read ({error})") from error
    return min(int(config.get("max_position_embeddings") or MOST_CONTEXT), MOST_CONTEXT)


def _empty(shape: Sequence[Any]) -> Logits:
    _, heads, _, width = shape
    return np.zeros((1, heads, 0, width), np.float32)
