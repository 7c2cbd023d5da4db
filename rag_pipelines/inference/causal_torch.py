"""A causal model by transformers and torch, quantized by bitsandbytes or not.

Loads safetensors from a folder and nothing else: no pickles, no code of a repository.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch  # noqa: TID253 - only those who run such a model import this module
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM  # noqa: TID253

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.causal import Cache, Logits
from rag_pipelines.inference.causal_onnx import context_of

# It says of each product that it computes in another type.
logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)


class TorchCausal:
    """See `CausalModel`. Computes in fp32 on a CPU, where bf16 is four times slower."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Raises `ModelUnavailable` where the folder holds no such model."""
        torch.set_num_threads(threads)
        self.context_tokens = context_of(folder)
        self._device = device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.float32 if device == "cpu" else torch.bfloat16,
                device_map=device,
                trust_remote_code=False,
                use_safetensors=True,
                local_files_only=True,
            )
        except (OSError, ValueError, RuntimeError, ImportError, SafetensorError) as error:
            raise ModelUnavailable(f"{folder} cannot be loaded: {str(error)[:300]}") from error
        self._model = model.eval()

    def step(self, tokens: Sequence[int], cache: Cache | None) -> tuple[Logits, Cache]:
        """See `CausalModel`."""
        row = torch.tensor([list(tokens)], device=self._device)
        with torch.inference_mode():
            out = self._model(input_ids=row, past_key_values=cache, use_cache=True)
        return out.logits[0].float().cpu().numpy(), out.past_key_values
