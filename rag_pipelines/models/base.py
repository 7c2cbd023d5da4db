"""An untouched model, from a hub, a folder or a GGUF file, as safetensors in the artifact store.

Knows what is taken over and what is refused. Does not know variants.
"""

import json
import shutil
from collections.abc import Iterable
from hashlib import file_digest
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ArtifactError, ModelUnavailable
from rag_pipelines.inference.auto.refusals import described
from rag_pipelines.models.config import SHIPPED, BaseSource
from rag_pipelines.models.gguf import dequantized
from rag_pipelines.models.versions import made_with
from rag_pipelines.storage.artifacts import MANIFEST, Artifact, Artifacts
from rag_pipelines.storage.durable import files_sha256

CARD = "README.md"
_TAKEN = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.md", "LICENSE*")
_WEIGHTS = "*.safetensors"


def resolve(name: str, source: BaseSource, artifacts: Artifacts, offline: bool) -> Artifact:
    """The base model in the store, the same for the same source.

    Raises `ArtifactError` where it cannot be had, where it is no longer what it was, or where it
    holds pickles alone or wants code of its repository to be run.
    """
    origin = origin_of(source)
    recipe = {"method": "base", "task": source.task, "origin": origin}
    if source.gguf is not None:
        path = gguf_file(source.gguf)
        recipe |= {"sha256": _sha256(path), "made_with": made_with("transformers", "gguf")}
        found = artifacts.make(recipe, lambda room: dequantized(path, room))
    else:
        folder = source.folder or fetched(str(source.hub), str(source.revision), offline)
        files = taken(folder)
        recipe |= {"sha256": files_sha256(folder, files)}
        found = artifacts.make(recipe, lambda room: _copied(folder, files, room))
    _require_unchanged(name, source, found, artifacts)
    artifacts.name(name, found.digest)
    return found


def origin_of(source: BaseSource) -> str:
    """Where a base comes from, in words that a model card can hold: no path of this machine."""
    if source.hub:
        return f"hub:{source.hub}@{source.revision}"
    if source.gguf:
        return f"gguf:{source.gguf if source.gguf == SHIPPED else Path(source.gguf).name}"
    return f"folder:{source.folder.name if source.folder else ''}"


def note_of(artifact: Artifact) -> str:
    """What a reader of the matrix must know of a base."""
    quantized = read_config(artifact.folder).get("dequantized_from", "")
    return f"its weights were {quantized} once, before anything here was measured" * bool(quantized)


def licence_of(artifact: Artifact) -> str:
    """The licence as the model card's front matter tells it; empty where it does not."""
    try:
        card = (artifact.folder / CARD).read_text()
    except OSError:
        return ""
    lines = [line.partition(":") for line in card.splitlines()]
    return next((value.strip() for key, _, value in lines if key.strip() == "license"), "")


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a model's folder; `ArtifactError` where there is none."""
    try:
        return dict(json.loads((folder / "config.json").read_text()))
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{folder} has no config.json that can be read ({error}); name a model's folder"
        ) from error


def gguf_file(named: str) -> Path:
    """The GGUF file that a source names. Raises `ArtifactError`."""
    from rag_pipelines.inference.llamacpp import shipped_model

    try:
        path = shipped_model() if named == SHIPPED else Path(named)
    except ModelUnavailable as error:
        raise ArtifactError(str(error)) from error
    if not path.is_file():
        raise ArtifactError(f"gguf {named}: there is no such file")
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ArtifactError(f"gguf {named} is no GGUF file")
    return path


def taken(folder: Path) -> list[Path]:
    """The files of a model's folder that are taken over. Raises `ArtifactError`."""
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: there is no such folder")
    try:
        described(folder, str(folder))
    except ModelUnavailable as error:
        raise ArtifactError(str(error)) from error
    files = sorted({path for pattern in _TAKEN for path in folder.rglob(pattern) if path.is_file()})
    if not any(path.match(_WEIGHTS) for path in files):
        pickles = ", ".join(path.name for path in folder.glob("*.bin")) or "no weights"
        raise ArtifactError(
            f"{folder} holds {pickles} and no safetensors; pickles are never opened: "
            "take a revision with safetensors, or convert it elsewhere"
        )
    return files


def with_all_but_weights(parent: Path, room: Path) -> None:
    """Take over tokenizer, templates, pooling and card of a model that was made into another."""
    for path in parent.rglob("*"):
        place = room / path.relative_to(parent)
        wanted = path.is_file() and path.name != MANIFEST and not path.match(f"{_WEIGHTS}*")
        if wanted and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def fetched(hub: str, revision: str, offline: bool) -> Path:
    """A hub's model at a commit, from its cache where it is there. Raises `ArtifactError`."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                hub, revision=revision, allow_patterns=list(_TAKEN), local_files_only=offline
            )
        )
    except LocalEntryNotFoundError as error:
        why = "HF_HUB_OFFLINE is set" if offline else "the hub cannot be reached"
        raise ArtifactError(
            f"{hub}@{revision[:12]} is not in the hub's cache on this machine and {why}; "
            "unset it, or name a folder"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ArtifactError(f"{hub}@{revision[:12]}: {str(error)[:300]}") from error


def _require_unchanged(
    name: str, source: BaseSource, found: Artifact, artifacts: Artifacts
) -> None:
    """A source that says something else under the same name is told, and never taken silently."""
    expected = source.digest or _earlier(name, found, artifacts)
    if expected and expected != found.digest:
        raise ArtifactError(
            f"{name}: {found.recipe['origin']} is {found.digest} now, expected {expected}; "
            f"if that is meant, write digest: {found.digest} in models.yaml"
        )


def _earlier(name: str, found: Artifact, artifacts: Artifacts) -> str:
    """What the same origin was the last time; empty where it is new."""
    digest = artifacts.named(name)
    if not digest:
        return ""
    try:
        earlier = artifacts.open(digest)
    except ArtifactError:
        return ""
    same = ("origin", "task", "made_with")
    return digest if all(earlier.recipe.get(k) == found.recipe.get(k) for k in same) else ""


def _copied(folder: Path, files: Iterable[Path], room: Path) -> None:
    for path in files:
        place = room / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
