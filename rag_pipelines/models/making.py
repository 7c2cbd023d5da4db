"""From a name in `models.yaml` to a model in the artifact store: bases, tuned ones, variants.

Each step is a recipe, so what was made once is found again. Does not measure.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
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
from rag_pipelines.models.tuning.config import Tuning, adapter_name, is_adapter, task_of
from rag_pipelines.models.tuning.data import Dataset, opened
from rag_pipelines.models.tuning.trainers import TRAINED_WITH, trainer_of
from rag_pipelines.models.tuning.training import Curve, Training, no_curve
from rag_pipelines.models.versions import made_with
from rag_pipelines.records import ModelArtifact, Progress, no_progress
from rag_pipelines.storage.artifacts import Artifact, Artifacts, Recipe


@dataclass(frozen=True, slots=True)
class Factory:
    """Makes what `models.yaml` names."""

    models: Models
    artifacts: Artifacts
    offline: bool
    progress: Progress = no_progress
    curve: Curve = no_curve
    keeps: bool = True
    """False in the further ones of several processes that train together: the first one keeps."""

    def make(self, name: str) -> ModelArtifact:
        """A base or a variant, made now or earlier, and named so in the store.

        A model of the table `tuned` is the one that was trained last: see `train`. Raises
        `ArtifactError` where it cannot be made, `UserError` where nothing is named so.
        """
        base = self._base(self.models.base_of(name) if self._known(name) else name)
        if name in self.models.bases:
            return self._row(name, base, base, base, "base")
        if name in self.models.tuned:
            made = self._named(name, name)
            parent = self.artifacts.open(str(made.recipe["parent"]))
            return self._row(name, made, parent, base, self.models.tuned[name].method)
        variant = self.models.variants[name]
        parent = self._parent(variant.of, base)
        made = self._made(variant.method, parent)
        self.artifacts.name(name, made.digest)
        return self._row(name, made, parent, base, variant.method)

    def tuning(self, name: str) -> Tuning:
        """How a model of the table `tuned` is made. Raises `UserError` where none is named so."""
        tuned = self.models.tuned
        if name not in tuned:
            known = ", ".join(tuned) or "none; name one below tuned:"
            raise UserError(f"models.yaml tunes no model {name!r}; it has: {known}.")
        return tuned[name]

    def train(self, name: str, dataset: str) -> ModelArtifact:
        """A model of the table `tuned`, trained now or earlier on the dataset of that digest.

        Of a LoRA this is the adapter; see `merge`. One that was killed goes on where it was. Raises
        as `make`.
        """
        tuning = self.tuning(name)
        base = self._base(self.models.base_of(name))
        parent = self._parent(tuning.of, base)
        made = self._trained(tuning, parent, base, opened(dataset, self.artifacts))
        self.artifacts.name(adapter_name(name) if is_adapter(tuning) else name, made.digest)
        return self._row(name, made, parent, base, tuning.method)

    def merge(self, name: str) -> ModelArtifact:
        """The model that a trained adapter makes of what it was trained on. Raises as `make`."""
        tuning = self.tuning(name)
        base = self._base(self.models.base_of(name))
        adapter = self._named(adapter_name(name), name)
        parent = self.artifacts.open(str(adapter.recipe["parent"]))
        recipe = {
            "method": "merge",
            "adapter": adapter.digest,
            **{key: adapter.recipe[key] for key in ("parent", "base", "task", "dataset")},
            "made_with": made_with(*TRAINED_WITH),
        }

        def write(room: Path) -> None:
            from rag_pipelines.models.tuning.adapters import merge

            merge(parent.folder, adapter.folder, room, adapter.recipe["task"])

        self.progress(f"merge {name}", 0, 1)
        made = self.artifacts.make(recipe, write)
        self.progress(f"merge {name}", 1, 1)
        self.artifacts.name(name, made.digest)
        return self._row(name, made, parent, base, tuning.method)

    def _known(self, name: str) -> bool:
        names = [*self.models.bases, *self.models.tuned, *self.models.variants]
        if name not in names:
            raise UserError(f"models.yaml has no model {name!r}; it has: {', '.join(names)}.")
        return True

    def _parent(self, name: str, base: Artifact) -> Artifact:
        """What a model is made of: its base, or a tuned model as it is now."""
        return base if name in self.models.bases else self._named(name, name)

    def _named(self, key: str, name: str) -> Artifact:
        digest = self.artifacts.named(key)
        if digest is None:
            raise ArtifactError(f"{name} was not trained yet; run: rag models tune {name}")
        return self.artifacts.open(digest)

    def _trained(self, tuning: Tuning, parent: Artifact, base: Artifact, data: Dataset) -> Artifact:
        wanted = getattr(tuning, "reward", "")
        reward = self._named(wanted, wanted) if wanted else None
        recipe = {
            "method": tuning.method,
            "parent": parent.digest,
            "base": base.digest,
            "task": "score" if tuning.method == "reward" else task_of(tuning),
            "dataset": data.digest,
            "reward": reward.digest if reward else "",
            "settings": tuning.model_dump(exclude={"of", "reward", "perplexity_loss"}),
            "made_with": made_with(*TRAINED_WITH),
        }
        training = Training(self._checkpoints(recipe), self.progress, self.curve)
        train = trainer_of(tuning)

        def write(room: Path) -> None:
            train(parent.folder, data, tuning, room, training, reward.folder if reward else None)

        if not self.keeps:
            with TemporaryDirectory() as room:
                write(Path(room))
            return parent
        made = self.artifacts.make(recipe, write)
        shutil.rmtree(training.checkpoints, ignore_errors=True)
        return made

    def _checkpoints(self, recipe: Recipe) -> Path:
        written = json.dumps(recipe, sort_keys=True)
        return self.artifacts.root.parent / "training" / sha256(written.encode()).hexdigest()[:32]

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

    def _row(
        self, name: str, made: Artifact, parent: Artifact, base: Artifact, method: str
    ) -> ModelArtifact:
        source = self.models.bases[self.models.base_of(name)]
        return ModelArtifact(
            variant=name,
            digest=made.digest,
            parent="" if made is base else base.digest,
            method=method,
            task=str(made.recipe["task"]),
            size=made.size,
            origin=origin_of(source),
            licence=licence_of(base),
            note=note_of(base),
            made_of="" if made is base else parent.digest,
            dataset=str(made.recipe.get("dataset") or parent.recipe.get("dataset", "")),
        )


def _packages(method: Method) -> tuple[str, ...]:
    from rag_pipelines.models import onnx_export, onnx_quantize, quantize

    if method in ("nf4", "int8"):
        return quantize.PACKAGES
    return onnx_export.PACKAGES if method == "onnx-fp32" else onnx_quantize.PACKAGES


def _code(method: Method) -> dict[str, int]:
    """What else a recipe holds. The other graphs' recipes hold the digest of this one."""
    from rag_pipelines.models.onnx_export import GRAPH_VERSION

    code = {"onnx-fp32": {"graph": GRAPH_VERSION}, "onnx-int8": {"bits_of_weights": 7}}
    return code.get(method, {})


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
