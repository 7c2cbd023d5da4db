"""What is traced of a model: a module whose inputs and outputs are plain tensors.

Only the worker's process imports this module.
"""

import json
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
from safetensors import SafetensorError
from torch import nn  # noqa: TID253
from transformers import (  # noqa: TID253
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    DynamicCache,
)

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.auto.task import TYPES, inputs_of
from rag_pipelines.inference.four_bits import unpacked
from rag_pipelines.models.config import Task
from rag_pipelines.models.onnx_attention import attends_to_all, traced
from rag_pipelines.models.onnx_export import Exportable

_DYNAMIC: Any = torch.export.Dim.DYNAMIC
_TOKENS = {0: _DYNAMIC, 1: _DYNAMIC}
_LOADED: dict[str, Any] = {
    "trust_remote_code": False,
    "use_safetensors": True,
    "local_files_only": True,
    "dtype": torch.float32,
}


class WithCache(nn.Module):
    """A causal model whose cache is a flat list of tensors: key and value of each layer.

    Where every layer attends to all of the past and in the common way, one operator of the graph
    is traced for it, which neither repeats keys for each query head nor transposes the past.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, *past: Any) -> tuple[Any, ...]:
        """Logits (1, tokens, vocabulary), then keys and values (1, heads, past + tokens, width)."""
        if torch.onnx.is_in_onnx_export() and attends_to_all(self.model):
            return traced(self.model, input_ids, past)
        cache = DynamicCache(list(zip(past[::2], past[1::2], strict=True)))
        out = self.model(input_ids=input_ids, past_key_values=cache, use_cache=True)
        layers = out.past_key_values.layers
        return (out.logits, *(part for layer in layers for part in (layer.keys, layer.values)))


class Pooled(nn.Module):
    """An encoder whose tokens become one unit vector, as the mean or as the first token's."""

    def __init__(self, model: Any, first: bool) -> None:
        super().__init__()
        self.model, self.first = model, first

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        """Unit vectors, (texts, dimension)."""
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask)[0]
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(hidden[:, 0] if self.first else mean, dim=-1)


class Spans(nn.Module):
    """A question-answering model: how likely an answer begins and ends at each token."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any, *types: Any) -> tuple[Any, Any]:
        """Logits of begin and end, (texts, tokens) each. `types` tell question from passage."""
        told = {TYPES: types[0]} if types else {}
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, **told)
        return out.start_logits, out.end_logits


def module_for(folder: Path, task: Task) -> Exportable:
    """The module of a model's folder. Raises `ArtifactError` where it cannot be loaded."""
    try:
        return {"causal": _causal, "embed": _embed, "answer": _answer}[task](folder)
    except (OSError, ValueError, RuntimeError, AttributeError, SafetensorError) as error:
        raise ArtifactError(f"{folder.name[:12]} cannot be loaded: {str(error)[:300]}") from error


def _causal(folder: Path) -> Exportable:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, **_LOADED)
    heads, width, layers = _cache_shape(model.config)
    past = [torch.randn(1, heads, 4, width) * 0.1 for _ in range(2 * layers)]
    parts = [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
    return Exportable(
        WithCache(model),
        (torch.tensor([[5, 6, 7]]), *past),
        ["input_ids", *(f"past.{part}" for part in parts)],
        ["logits", *(f"present.{part}" for part in parts)],
        ({1: _DYNAMIC}, tuple({2: _DYNAMIC} for _ in past)),
    )


def _cache_shape(config: Any) -> tuple[int, int, int]:
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return heads, width, config.num_hidden_layers


def _embed(folder: Path) -> Exportable:
    model: Any = AutoModel.from_pretrained(folder, **_LOADED)
    # An output named `embedding` would clash with a name that the exporter gives.
    return _encoder(Pooled(unpacked(model), _first_token(folder)), [], ["sentence_embedding"])


def _answer(folder: Path) -> Exportable:
    model: Any = AutoModelForQuestionAnswering.from_pretrained(folder, **_LOADED)
    types = [TYPES] if TYPES in inputs_of(model) else []
    return _encoder(Spans(unpacked(model)), types, ["start_logits", "end_logits"])


def _encoder(module: nn.Module, types: list[str], outputs: list[str]) -> Exportable:
    ids = torch.tensor([[5, 6, 7, 8], [9, 5, 6, 7]])
    of_second = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 1]])
    return Exportable(
        module,
        (ids, torch.ones_like(ids), *(of_second for _ in types)),
        ["input_ids", "attention_mask", *types],
        outputs,
        (_TOKENS, _TOKENS, *([tuple(_TOKENS for _ in types)] if types else [])),
    )


def _first_token(folder: Path) -> bool:
    """Whether sentence-transformers' pooling takes the first token; without a word, the mean."""
    pooling = folder / "1_Pooling" / "config.json"
    return pooling.is_file() and bool(
        json.loads(pooling.read_text()).get("pooling_mode_cls_token", False)
    )
