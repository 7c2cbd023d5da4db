"""Weights in 4 and 8 bits by bitsandbytes: quantized as they are loaded, saved as safetensors.

NF4 with double quantization is that of QLoRA (https://arxiv.org/abs/2305.14314), int8 that of
LLM.int8() (https://arxiv.org/abs/2208.07339). Knows nothing of ONNX.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ArtifactError
from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.config import Task

PACKAGES = ("torch", "transformers", "bitsandbytes")


def quantize(parent: Path, task: Task, method: str, room: Path) -> None:
    """Write the parent's model into a folder with its weights in 4 (`nf4`) or 8 (`int8`) bits.

    The type that is computed in is bf16 on a GPU and fp32 on a CPU, where bf16 is slower. Raises
    `ArtifactError` where the architecture has no layer that can be quantized.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForQuestionAnswering

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kinds: dict[str, Any] = {
        "causal": AutoModelForCausalLM,
        "embed": AutoModel,
        "answer": AutoModelForQuestionAnswering,
    }
    try:
        model: Any = kinds[task].from_pretrained(
            parent,
            quantization_config=configuration(method, device),
            dtype=computed_in(device),
            device_map=device,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"{method}: the parent cannot be loaded: {str(error)[:300]}") from error
    if not _is_quantized(model):
        raise ArtifactError(f"{method}: {type(model).__name__} has no layer that can be quantized")
    model.save_pretrained(room)
    with_all_but_weights(parent, room)


def configuration(method: str, device: str, left: Sequence[str] = ()) -> Any:
    """How transformers is told to quantize as it loads: `nf4` or `int8`.

    The layers `left` stay as they are, besides those that transformers leaves by itself.
    """
    from transformers import BitsAndBytesConfig

    if method == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=computed_in(device),
        llm_int8_skip_modules=list(left) or None,
    )


def computed_in(device: str) -> Any:
    """The type that products are computed in."""
    import torch

    return torch.float32 if device == "cpu" else torch.bfloat16


def _is_quantized(model: Any) -> bool:
    from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt

    return any(isinstance(module, Linear4bit | Linear8bitLt) for module in model.modules())
