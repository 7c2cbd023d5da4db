"""Loads a model by its task, from a folder or a hub: `load(QuestionAnswering, "folder")`.

Safetensors only, no code of a repository, nothing of the wrong kind: each is refused before it is
opened. Does not know what a task does with its model.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.auto.refusals import (
    ModelFolder,
    described,
    files_of,
    require_kind,
)
from rag_pipelines.inference.auto.sources import folder_of
from rag_pipelines.inference.auto.task import Parts, Task
from rag_pipelines.inference.four_bits import unpacked

_CHUNK = 1 << 20

AnyTask = TypeVar("AnyTask", bound=Task)


def load(
    task: type[AnyTask],
    source: str | Path,
    device: str | None = None,
    *,
    offline: bool = False,
    threads: int | None = None,
) -> AnyTask:
    """The model in a folder or of a hub's name, at a task.

    `device` is `cpu` or `cuda`; None takes a GPU where there is one. On the CPU it computes in
    fp32, on a GPU in the weights' own precision. `threads` bounds torch's in this whole process.
    `offline` takes a hub's model from the local cache alone.

    Raises `ModelUnavailable` where the extra `models` or the model is missing, where its weights
    are pickled, where it wants code of its repository run, and where it is of another kind.
    """
    name = str(source)
    if not (find_spec("torch") and find_spec("transformers")):
        raise ModelUnavailable(f"{name}: run: pip install 'rag_pipelines[models]'")
    path = folder_of(name, name, offline, lambda told: _examined(task, told, name))
    folder = _examined(task, path, name)
    return task(_loaded(task, folder, name, device, threads))


def _examined(task: type[Task], path: Path, name: str) -> ModelFolder:
    """The folder, where its JSON files tell of a model that may be loaded at the task."""
    folder = described(path, name)
    require_kind(folder, name, _expected(task, folder.kind))
    return folder


def _expected(task: type[Task], kind: str) -> Collection[str]:
    """Classes of that model type that do the task."""
    from transformers.models.auto import modeling_auto

    found: set[str] = set()
    for mapping in task.mappings:
        classes = getattr(modeling_auto, mapping).get(kind, ())
        found |= {classes} if isinstance(classes, str) else set(classes)
    return found


def _loaded(
    task: type[Task], folder: ModelFolder, name: str, device: str | None, threads: int | None
) -> Parts:
    import torch
    import transformers

    files = files_of(folder, name)
    if threads:
        torch.set_num_threads(threads)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with _quietly():
            model, told = getattr(transformers, task.auto).from_pretrained(
                folder.path,
                use_safetensors=True,
                dtype=torch.float32 if device == "cpu" else "auto",
                output_loading_info=True,
                **where,
            )
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(folder.path, **where)
        model = unpacked(model.to(device).eval())
    except Exception as error:  # of files that are anybody's, libraries raise anything
        raise ModelUnavailable(
            f"{name}: cannot be loaded ({type(error).__name__}: {str(error)[:300]}); save it anew"
        ) from error
    _require_whole(task, told["missing_keys"], name)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return Parts(name, _digest(files), device, model, tokenizer)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without a progress bar: a service's standard error holds its log."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _require_whole(task: type[Task], missing: Collection[str], name: str) -> None:
    lacking = sorted(weight for weight in missing if not task.does_without(weight))
    if lacking:
        raise ModelUnavailable(
            f"{name}: its files lack {len(lacking)} weights ({', '.join(lacking[:3])}, …), which "
            "would be random; save it anew with all its weights"
        )


def _digest(files: list[Path]) -> str:
    """SHA-256 of weights, vocabulary and config.json, by file name."""
    digest = sha256()
    for path in sorted(files):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
    return digest.hexdigest()
