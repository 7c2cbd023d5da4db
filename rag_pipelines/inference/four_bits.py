"""Layers in 4 bits on processors with AVX512-BF16, where bitsandbytes 0.50 packs their weights.

It does so when a layer is first computed outside of training, and fails or learns nothing where
that does not fit. Does not load models.
"""

from typing import Any

_COLUMNS = 32
"""Outputs that are packed together."""


def unpacked(model: Any, learns: bool = False) -> Any:
    """The same model, with those layers kept from being packed that cannot be, or all that learn.

    Packed weights are computed without gradients, also of the layers below them.
    """
    if getattr(model.config, "quantization_config", None) is None:
        return model
    from bitsandbytes.nn.modules import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit) and (learns or not _fits(module)):
            module.support_avx512bf16_for_cpu = False
    return model


def _fits(layer: Any) -> bool:
    state = layer.weight.quant_state
    return layer.out_features % _COLUMNS == 0 and layer.in_features % state.blocksize == 0
