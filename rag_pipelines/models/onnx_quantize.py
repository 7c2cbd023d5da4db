"""ONNX graphs in 8 and 4 bits, from a graph in fp32.

A head that shares the embeddings' weights stands behind a Transpose, where no quantizer sees it:
ONNX Runtime folds it first. Each result has to be smaller than what it came from, or it is refused.

`onnx-int8` quantizes weights by channel and activations as they come (one scale a product). Gated
networks put outliers into what the products that narrow read, and one scale for those would cost
the model most of what it knows (perplexity 25.7 to 45.1 with SmolLM2-135M): there the weights
alone are 8-bit, in blocks (27.6). `onnx-int4` quantizes weights alone, in blocks of 32, and the
table of token embeddings with them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.causal import ONNX_FILE

if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGES = ("onnx", "onnxruntime")
_BLOCK = 32
_INT8_COMPUTE = 4
"""ONNX Runtime's accuracy level for products in int8."""
_DATA = f"{ONNX_FILE}.data"


def quantize_int8(graph: Path, room: Path) -> None:
    """Write the graph at `graph` with 8-bit products. Raises `ArtifactError` where none shrank."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folded = _folded(graph, room)
    by_channel = room / "by_channel.onnx"
    quantize_dynamic(
        folded,
        by_channel,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,  # a processor without VNNI adds pairs of full products in 16 bits
        op_types_to_quantize=["MatMul"],
        nodes_to_exclude=_narrowing(folded),
        use_external_data_format=True,
    )
    _weights_only(by_channel, room / ONNX_FILE, bits=8)
    _require_smaller(graph, room)


def quantize_int4(graph: Path, room: Path) -> None:
    """Write the graph at `graph` with 4-bit weights. Raises `ArtifactError` where none shrank."""
    _weights_only(_folded(graph, room), room / ONNX_FILE, bits=4, also=("Gather",))
    _require_smaller(graph, room)


def _folded(graph: Path, room: Path) -> Path:
    """The graph with its constants folded, by ONNX Runtime's basic optimisations."""
    import onnxruntime as ort

    folded = room / "folded.onnx"
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    file, least = "external_initializers_file_name", "external_initializers_min_size_in_bytes"
    options.add_session_config_entry(f"session.optimized_model_{file}", f"{folded.name}.data")
    options.add_session_config_entry(f"session.optimized_model_{least}", "1024")
    ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    return folded


def _narrowing(graph: Path) -> list[str]:
    """Products with a matrix that has more rows than columns."""
    import onnx

    model: ModelProto = onnx.load(str(graph), load_external_data=False)
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type == "MatMul"]
    matrices = {node.name: shapes.get(node.input[1], ()) for node in products}
    return [name for name, shape in matrices.items() if len(shape) == 2 and shape[0] > shape[1]]


def _weights_only(graph: Path, place: Path, bits: int, also: tuple[str, ...] = ()) -> None:
    """Write the graph with the weights of its products, and of `also`, in blocks of few bits."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import (
        DefaultWeightOnlyQuantConfig,
        MatMulNBitsQuantizer,
    )

    config = DefaultWeightOnlyQuantConfig(
        block_size=_BLOCK,
        is_symmetric=True,
        accuracy_level=_INT8_COMPUTE,
        bits=bits,
        op_types_to_quantize=("MatMul", *also),
        quant_axes=(("MatMul", 0), ("Gather", 1)),
    )
    quantizer: Any = MatMulNBitsQuantizer(onnx.load(str(graph)), algo_config=config)
    quantizer.process()
    quantizer.model.save_model_to_file(str(place), use_external_data_format=True)


def _require_smaller(graph: Path, room: Path) -> None:
    """Leave the quantized graph alone in the folder, if it is smaller than the one it came from."""
    for path in room.iterdir():
        if path.name not in (ONNX_FILE, _DATA):
            path.unlink()
    before = sum(path.stat().st_size for path in graph.parent.glob(f"{ONNX_FILE}*"))
    after = sum(path.stat().st_size for path in room.iterdir())
    if after >= before:
        raise ArtifactError(
            f"quantizing made {after:,} bytes of {before:,}: no weight of this graph is one that "
            "ONNX Runtime quantizes"
        )
