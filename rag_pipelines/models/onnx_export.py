"""Models as ONNX graphs: exported, checked, and held against what they were exported from.

A causal model becomes one graph for prefill and decode, its cache going in and out. Operators are
those of ONNX's own opset 23, whose attention, norms and rotations are one node each; none is ONNX
Runtime's alone. Knows torch's exporter; does not know quantization.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import ArtifactError
from rag_pipelines.inference.causal import ONNX_FILE
from rag_pipelines.inference.causal_onnx import open_session
from rag_pipelines.models.base import with_all_but_weights
from rag_pipelines.models.config import Task

OPSET = 23
PACKAGES = ("torch", "transformers", "onnx", "onnxruntime", "onnxscript")
GRAPH_VERSION = 2
"""Moves when the same model becomes another graph: part of the recipe."""
PARITY = "parity.json"
_MOST_DIFFERENCE = 1e-2
"""Between logits: fp32 sums in another order differ by 1e-4 in a model of 135M."""


@dataclass(frozen=True, slots=True)
class Exportable:
    """A module with inputs to trace it by. `dynamic` names the axes that vary, for each input."""

    module: Any
    inputs: tuple[Any, ...]
    input_names: Sequence[str]
    output_names: Sequence[str]
    dynamic: tuple[Any, ...]


def export(parent: Path, task: Task, room: Path) -> None:
    """Write the parent's graph and everything but its weights into a folder.

    Raises `ArtifactError` where the architecture cannot be exported, or where the graph does not
    compute what the module does.
    """
    from rag_pipelines.models.onnx_modules import module_for

    export_module(module_for(parent, task), room)
    with_all_but_weights(parent, room)


def export_module(exportable: Exportable, room: Path) -> None:
    """Write any module as `model.onnx`, and how near it came as `parity.json`. As `export`."""
    path = room / ONNX_FILE
    _written(exportable, path)
    _checked(path)
    difference = _difference(exportable, path)
    if not difference <= _MOST_DIFFERENCE:
        raise ArtifactError(
            f"the exported graph differs from the model by {difference:.2g}, at most "
            f"{_MOST_DIFFERENCE:g} is allowed; this architecture cannot be exported as it is"
        )
    told = {"opset": OPSET, "largest_difference": float(f"{difference:.1g}")}
    (room / PARITY).write_text(json.dumps(told))


def _written(exportable: Exportable, path: Path) -> None:
    import torch

    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporter calls what torch calls outdated
            program: Any = torch.onnx.export(
                exportable.module.eval(),
                exportable.inputs,
                dynamo=True,
                opset_version=OPSET,
                optimize=False,
                external_data=True,
                dynamic_shapes=exportable.dynamic,
                input_names=list(exportable.input_names),
                output_names=list(exportable.output_names),
                verbose=False,
            )
        _simplify(program.model)
        _without_traces(program.model)
        program.save(path, external_data=True)
    except OSError:
        raise  # the disk's fault, not the model's
    except Exception as error:  # the exporter raises whatever the traced code did
        first = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise ArtifactError(
            f"{type(exportable.module).__name__} cannot be exported: {first[0][:300]}"
        ) from error


def _simplify(model: Any) -> None:
    """One node for each norm and rotation: a token costs by the node, whatever a node computes.

    What the rules do not know stays as it was traced. The package exports these two rules nowhere
    else; a test of the graph's nodes would tell that they have moved.
    """
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules.fusion import _rms_normalization as norms
    from onnxscript.rewriter.rules.fusion import _rotary_embedding as rotations

    optimizer.optimize(model)
    for rules in (norms.rms_normalization_ruleset, rotations.rotary_embedding_rules):
        rewriter.rewrite(model, rules)
    optimizer.optimize(model)  # each rotation brings cosines of its own, which are all the same


def _without_traces(model: Any) -> None:
    """Drop what the exporter notes of where each node came from: files and lines of this machine.

    The same model would have another digest in another folder, and tell which.
    """
    for graph in (model.graph, *model.functions.values()):
        graph.metadata_props.clear()
        for node in graph:
            node.metadata_props.clear()
            for value in node.outputs:
                value.metadata_props.clear()


def _checked(path: Path) -> None:
    import onnx

    try:
        onnx.checker.check_model(path)
    except onnx.checker.ValidationError as error:
        raise ArtifactError(f"onnx.checker refuses the graph: {str(error)[:300]}") from error


def _difference(exportable: Exportable, path: Path) -> float:
    """Largest difference of any output on the inputs that the graph was traced by."""
    import torch

    with torch.inference_mode():
        expected = exportable.module(*exportable.inputs)
    session = open_session(path, threads=1)
    found: Any = session.run(
        None, dict(zip(exportable.input_names, (t.numpy() for t in exportable.inputs), strict=True))
    )
    outputs = expected if isinstance(expected, tuple) else (expected,)
    return max(_apart(e.numpy(), f) for e, f in zip(outputs, found, strict=True))


def _apart(expected: NDArray[Any], found: NDArray[Any]) -> float:
    if expected.shape != found.shape:
        return float("inf")
    return float(np.abs(expected - found).max(initial=0.0))
