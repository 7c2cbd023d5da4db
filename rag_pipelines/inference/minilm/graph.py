"""The int8 graph: token numbers of one text in, its unit vector out.

Written node by node from the stored weights, because no optimizer got there: products take the
int8 matrices as they are (`DynamicQuantizeMatMul`), and normalisation stays `Add` followed by
`LayerNormalization`, since ONNX Runtime's fused `SkipLayerNormalization` takes eight times as
long. Does not know where the graph is kept or how it is run.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.inference.minilm.weights import Layer, Matrix, Norm, Weights

if TYPE_CHECKING:
    from onnx import ModelProto

RECIPE = "1"
"""Moves when the graph's arithmetic moves: it is part of the embedder's fingerprint."""
_HEADS = 12
_EPSILON = 1e-12
_OPSET = 23
_MICROSOFT = "com.microsoft"


def build_graph(weights: Weights, signed: bool) -> "ModelProto":
    """The model with input `input_ids` (1, tokens) and output `sentence_embedding` (1, 384).

    `signed` keeps the weights int8; otherwise they are shifted to uint8 (same values), for
    processors whose uint8 by int8 products saturate.
    """
    graph = _Graph(signed)
    hidden = _embeddings(graph, weights)
    for number, layer in enumerate(weights.layers):
        hidden = _block(graph, f"layer{number}", layer, hidden)
    axis = graph.constant("token_axis", np.array([1], np.int64))
    pooled = graph.node("ReduceSum", [hidden, axis], "pooled", keepdims=0)
    # Sum and mean have the same direction, and the length becomes one here.
    graph.node("LpNormalization", [pooled], "sentence_embedding", axis=-1, p=2)
    return graph.model(weights.words.shape[1])


def _embeddings(graph: "_Graph", weights: Weights) -> str:
    from onnx import TensorProto

    rows = graph.node("Gather", [graph.constant("words", weights.words), "input_ids"], "word_rows")
    scales = graph.constant("word_scales", weights.word_scales)
    row_scales = graph.node("Gather", [scales, "input_ids"], "row_scales")
    floats = graph.node("Cast", [rows], "word_floats", to=TensorProto.FLOAT)
    words = graph.node("Mul", [floats, row_scales], "word_vectors")
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    start = graph.constant("start", np.array([0], np.int64))
    table = graph.constant("positions", weights.positions)
    positions = graph.node("Slice", [table, start, length], "position_vectors")
    total = graph.node("Add", [words, positions], "embedded")
    return _norm(graph, "embeddings", weights.norm, total)


def _block(graph: "_Graph", name: str, layer: Layer, hidden: str) -> str:
    mixed = _product(graph, f"{name}.qkv", layer.qkv, layer.qkv_bias, hidden)
    heads = graph.nodes("Split", [mixed], [f"{name}.{part}" for part in "qkv"], axis=-1)
    attended = graph.node(
        "Attention", heads, f"{name}.attended", q_num_heads=_HEADS, kv_num_heads=_HEADS
    )
    projected = _product(
        graph, f"{name}.out", layer.attention_out, layer.attention_out_bias, attended
    )
    residual = graph.node("Add", [projected, hidden], f"{name}.residual")
    middle = _norm(graph, f"{name}.attention", layer.attention_norm, residual)
    wide = _product(graph, f"{name}.up", layer.up, layer.up_bias, middle)
    active = graph.node("Gelu", [wide], f"{name}.active")
    narrow = _product(graph, f"{name}.down", layer.down, layer.down_bias, active)
    total = graph.node("Add", [narrow, middle], f"{name}.total")
    return _norm(graph, name, layer.norm, total)


def _norm(graph: "_Graph", name: str, norm: Norm, hidden: str) -> str:
    gain = graph.constant(f"{name}.norm.gain", norm.gain)
    bias = graph.constant(f"{name}.norm.bias", norm.bias)
    return graph.node(
        "LayerNormalization", [hidden, gain, bias], f"{name}.norm", axis=-1, epsilon=_EPSILON
    )


def _product(
    graph: "_Graph", name: str, matrix: Matrix, bias: NDArray[np.float32], hidden: str
) -> str:
    weights, zero = graph.quantized(matrix.weights)
    inputs = [
        hidden,
        graph.constant(f"{name}.weights", weights),
        graph.constant(f"{name}.scales", matrix.scales.reshape(-1)),
        graph.constant(f"{name}.zeros", np.full(matrix.scales.size, zero, weights.dtype)),
        graph.constant(f"{name}.bias", bias),
    ]
    return graph.node("DynamicQuantizeMatMul", inputs, name, domain=_MICROSOFT)


class _Graph:
    """Collects nodes and constants. Every name that it returns is a tensor's."""

    def __init__(self, signed: bool) -> None:
        self._signed = signed
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def quantized(self, weights: NDArray[np.int8]) -> tuple[NDArray[Any], int]:
        """The weights as this processor multiplies them exactly, and the value that means 0."""
        if self._signed:
            return weights, 0
        return (weights.astype(np.int16) + 128).astype(np.uint8), 128

    def constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        return self.nodes(kind, inputs, [output], **attributes)[0]

    def nodes(
        self, kind: str, inputs: Sequence[str], outputs: list[str], **attributes: Any
    ) -> list[str]:
        from onnx import helper

        if kind == "Split":
            attributes["num_outputs"] = len(outputs)
        self._nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs

    def model(self, dimension: int) -> "ModelProto":
        from onnx import TensorProto, helper

        ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])
        vector = helper.make_tensor_value_info(
            "sentence_embedding", TensorProto.FLOAT, [1, dimension]
        )
        graph = helper.make_graph(self._nodes, "minilm", [ids], [vector], self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=11)
