"""A causal model by transformers and torch, quantized by bitsandbytes or not.

Loads safetensors from a folder and nothing else: no pickles, no code of a repository.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch  # noqa: TID253 - only those who run such a model import this module
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM  # noqa: TID253

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.causal import Cache, Logits
from rag_pipelines.inference.causal_onnx import context_of
from rag_pipelines.inference.four_bits import unpacked

SOFT_PROMPT = "soft_prompt.safetensors"
"""In a prompt-tuned model's folder: vectors (tokens, width) that stand before every prompt."""
SOFT_PROMPT_KEY = "soft_prompt"

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
        self._model = unpacked(model.eval())
        self._soft_prompt = self._soft_prompt_of(folder)
        self.context_tokens -= 0 if self._soft_prompt is None else len(self._soft_prompt)

    def step(self, tokens: Sequence[int], cache: Cache | None) -> tuple[Logits, Cache]:
        """See `CausalModel`."""
        row = torch.tensor([list(tokens)], device=self._device)
        with torch.inference_mode():
            if cache is None and self._soft_prompt is not None:
                words = self._model.get_input_embeddings()(row)
                given = torch.cat([self._soft_prompt[None], words], dim=1)
                out = self._model(inputs_embeds=given, use_cache=True)
            else:
                out = self._model(input_ids=row, past_key_values=cache, use_cache=True)
        logits = out.logits[0, -len(tokens) :]
        return logits.float().cpu().numpy(), out.past_key_values

    def _soft_prompt_of(self, folder: Path) -> torch.Tensor | None:
        """What the model was taught to read before any prompt; none where it was not."""
        path = folder / SOFT_PROMPT
        if not path.is_file():
            return None
        try:
            vectors = load_file(path, device=self._device)[SOFT_PROMPT_KEY]
        except (SafetensorError, KeyError, OSError) as error:
            raise ModelUnavailable(f"{path} cannot be read: {error}; train it again") from error
        return vectors.to(self._model.dtype)
