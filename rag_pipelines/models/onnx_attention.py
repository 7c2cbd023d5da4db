"""Attention of a causal model as one operator of its graph: `Attention` of ONNX opset 23.

Traced as transformers does it, the keys of a layer are repeated for each query head and the whole
past is copied several times a token. Only the worker's process imports this module.
"""

from collections.abc import Sequence
from typing import Any

import torch  # noqa: TID253
from transformers import AttentionInterface  # noqa: TID253

_NAME = "onnx"
_UNCOMMON = ("sliding_window", "softcap", "s_aux")
"""What a layer's attention may be asked for beyond the common way."""


def attends_to_all(model: Any) -> bool:
    """Whether each layer sees the whole past, and the architecture lets its attention be chosen."""
    config = model.config
    layers = set(getattr(config, "layer_types", None) or ["full_attention"])
    chosen = getattr(model, "_supports_attention_backend", False)
    windowed = getattr(config, "sliding_window", None) is not None
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    return bool(chosen) and layers == {"full_attention"} and not windowed and not capped


def traced(model: Any, input_ids: Any, past: Sequence[Any]) -> tuple[Any, ...]:
    """What `WithCache` returns, with one operator for the attention and the cache of a layer."""
    earlier, tokens = past[0].shape[2], input_ids.shape[1]
    positions = torch.arange(earlier, earlier + tokens)
    seen = torch.arange(earlier + tokens)[None, :] <= positions[:, None]
    present = list[Any]()
    usual = model.config._attn_implementation
    model.config._attn_implementation = _NAME
    try:
        out = model(
            input_ids=input_ids,
            position_ids=positions[None, :],
            use_cache=False,
            seen=seen,
            past=past,
            present=present,
        )
    finally:
        model.config._attn_implementation = usual
    return (out.logits, *present)


def _attend(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **told: Any
) -> tuple[Any, None]:
    """Outputs (1, tokens, heads, width); appends the layer's keys and values to `present`."""
    uncommon = [name for name in _UNCOMMON if told.get(name) is not None]
    if uncommon:
        raise ValueError(f"attention with {', '.join(uncommon)} has no operator")
    layer = 2 * module.layer_idx
    out, keys, values, _ = torch.onnx.ops.attention(
        query,
        key,
        value,
        told["seen"],
        told["past"][layer],
        told["past"][layer + 1],
        scale=told["scaling"],
    )
    told["present"].extend((keys, values))
    return out.transpose(1, 2), None


AttentionInterface.register(_NAME, _attend)
