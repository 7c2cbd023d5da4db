"""From a name in `models.yaml` to a model in the artifact store: bases and their variants.

Each step is a recipe, so what was made once is found again. Does not measure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ArtifactError, RagError, UserError
from rag_pipelines.models.base import (
    licence_of,
    note_of,
    origin_of,
    resolve,
    with_all_but_weights,
)
from rag_pipelines.models.config import Method, Models
from rag_pipelines.models.versions import made_with
from rag_pipelines.records import ModelArtifact, Progress, no_progress
from rag_pipelines.storage.artifacts import Artifact, Artifacts


@dataclass(frozen=True, slots=True)
class Factory:
    """Makes what `models.yaml` names."""

    models: Models
    artifacts: Artifacts
    offline: bool
    progress: Progress = no_progress

    def make(self, name: str) -> ModelArtifact:
        """A base or a variant, made now or earlier, and named so in the store.

        Raises `ArtifactError` where it cannot be made, `UserError` where nothing is named so.
        """
        base = self._base(self.models.base_of(name) if self._known(name) else name)
        if name in self.models.bases:
            return self._row(name, base, base, "base")
        variant = self.models.variants[name]
        made = self._made(variant.method, base)
        self.artifacts.name(name, made.digest)
        return self._row(name, made, base, variant.method)

    def _known(self, name: str) -> bool:
        names = [*self.models.bases, *self.models.variants]
        if name not in names:
            raise UserError(f"models.yaml has no model {name!r}; it has: {', '.join(names)}.")
        return True

    def _base(self, name: str) -> Artifact:
        self.progress(f"resolve {name}", 0, 1)
        found = resolve(name, self.models.bases[name], self.artifacts, self.offline)
        self.progress(f"resolve {name}", 1, 1)
        return found

    def _made(self, method: Method, base: Artifact) -> Artifact:
        if method in ("onnx-int8", "onnx-int4"):
            graph = self._made("onnx-fp32", base)
            return self._step(method, graph, base, _onnx_quantized(method, graph, base))
        return self._step(method, base, base, _of_weights(method, base))

    def _step(
        self, method: Method, parent: Artifact, base: Artifact, write: Callable[[Path], object]
    ) -> Artifact:
        recipe = {
            "method": method,
            "parent": parent.digest,
            "base": base.digest,
            "task": base.recipe["task"],
            "made_with": made_with(*_packages(method)),
        } | _code(method)
        self.progress(f"make {method}", 0, 1)
        made = self.artifacts.make(recipe, write)
        self.progress(f"make {method}", 1, 1)
        return made

    def _row(self, name: str, made: Artifact, base: Artifact, method: str) -> ModelArtifact:
        source = self.models.bases[self.models.base_of(name)]
        return ModelArtifact(
            variant=name,
            digest=made.digest,
            parent="" if made is base else base.digest,
            method=method,
            task=str(base.recipe["task"]),
            size=made.size,
            origin=origin_of(source),
            licence=licence_of(base),
            note=note_of(base),
        )


def _packages(method: Method) -> tuple[str, ...]:
    from rag_pipelines.models import onnx_export, onnx_quantize, quantize

    if method in ("nf4", "int8"):
        return quantize.PACKAGES
    return onnx_export.PACKAGES if method == "onnx-fp32" else onnx_quantize.PACKAGES


def _code(method: Method) -> dict[str, int]:
    """What else a recipe holds. The other graphs' recipes hold the digest of this one."""
    from rag_pipelines.models.onnx_export import GRAPH_VERSION

    return {"graph": GRAPH_VERSION} if method == "onnx-fp32" else {}


def _of_weights(method: Method, base: Artifact) -> Callable[[Path], object]:
    """What writes a variant that is made of the base's safetensors."""
    task: Any = base.recipe["task"]

    def write(room: Path) -> None:
        if method == "onnx-fp32":
            from rag_pipelines.models.onnx_export import export

            export(base.folder, task, room)
        else:
            from rag_pipelines.models.quantize import quantize

            quantize(base.folder, task, method, room)

    return write


def _onnx_quantized(method: Method, graph: Artifact, base: Artifact) -> Callable[[Path], object]:
    """What writes a variant that is made of the fp32 graph."""
    from rag_pipelines.inference.causal import ONNX_FILE
    from rag_pipelines.models.onnx_quantize import quantize_int4, quantize_int8

    def write(room: Path) -> None:
        quantized = quantize_int8 if method == "onnx-int8" else quantize_int4
        try:
            quantized(graph.folder / ONNX_FILE, room)
        except (RagError, OSError):
            raise
        except Exception as error:  # ONNX Runtime's exceptions share no class of their own
            raise ArtifactError(f"{method}: {str(error)[:300]}") from error
        with_all_but_weights(base.folder, room)

    return write
