"""The int8 graph on disk: made at first use, kept under `<home>/models/minilm-<digest>/`.

Processes that make it at once each write a directory of their own; one rename wins. Does not
know what the graph computes.
"""

import json
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag_pipelines.inference.minilm.graph import RECIPE, build_graph
from rag_pipelines.inference.minilm.weights import SOURCE_SHA256, packaged_model, read_weights

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_MODEL = "model.onnx"
_RECORD = "model.json"


def int8_model(home: Path) -> bytes:
    """The graph's bytes, made where they are missing or no longer match their recorded digest.

    Raises `ModelUnavailable` where the package with the weights is missing or altered.
    """
    signed = multiplies_signed_exactly()
    directory = home / "models" / f"minilm-{recipe_digest(signed)}"
    model = _read(directory)
    if model is not None:
        return model
    source = packaged_model()
    model = build_graph(read_weights(source), signed).SerializeToString(deterministic=True)
    _keep(directory, model)
    return model


def recipe_digest(signed: bool) -> str:
    """12 hex digits naming what the graph is made from and how."""
    recipe = f"{SOURCE_SHA256} {RECIPE} {'int8' if signed else 'uint8'}"
    return sha256(recipe.encode()).hexdigest()[:12]


def multiplies_signed_exactly() -> bool:
    """Whether this processor's uint8 by int8 products are exact.

    Those without VNNI instructions add pairs in 16 bits, which saturates.
    """
    from onnx import TensorProto, helper

    size = 64
    node = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    a = helper.make_tensor_value_info("a", TensorProto.UINT8, [size, size])
    c = helper.make_tensor_value_info("c", TensorProto.INT32, [size, size])
    largest = np.full((size, size), 127, np.int8)
    b = helper.make_tensor("b", TensorProto.INT8, largest.shape, largest.tobytes(), raw=True)
    graph = helper.make_graph([node], "saturation", [a], [c], [b])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    inputs = {"a": np.full((size, size), 255, np.uint8)}
    (products,) = open_session(model.SerializeToString()).run(None, inputs)
    return bool(np.all(products == size * 255 * 127))


def open_session(model: bytes) -> "InferenceSession":
    """A session for calls of one text each: one thread, no spinning, no second fusion."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The extended level would fuse Add and LayerNormalization into the slower operator.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # Every length is another shape: a remembered memory plan for each would only grow.
    options.enable_mem_pattern = False
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _read(directory: Path) -> bytes | None:
    try:
        record = json.loads((directory / _RECORD).read_text())
        model = (directory / _MODEL).read_bytes()
    except (OSError, ValueError):
        return None
    return model if record.get("sha256") == sha256(model).hexdigest() else None


def _keep(directory: Path, model: bytes) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    record = {"sha256": sha256(model).hexdigest(), "source": SOURCE_SHA256, "recipe": RECIPE}
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as room:
        fresh, stale = Path(room, "fresh"), Path(room, "stale")
        fresh.mkdir()
        (fresh / _MODEL).write_bytes(model)
        (fresh / _RECORD).write_text(json.dumps(record))
        with suppress(OSError):
            if directory.exists() and _read(directory) is None:
                directory.rename(stale)
        # Another process may have been first: its files hold the same bytes.
        with suppress(OSError):
            fresh.rename(directory)
