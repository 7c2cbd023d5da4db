"""Models and what was measured of them: folders by the digest of their content.

A folder is made once by a recipe and never changes; the same recipe finds it again. Knows files,
digests and names; does not know what a model is. Model files are data: pickles have no place here.
"""

import json
import os
import shutil
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from rag_pipelines.errors import ArtifactError
from rag_pipelines.storage.durable import (
    TEMPORARY,
    read_json,
    replace_json,
    runs,
    sync,
    sync_tree,
    tells_of_full_disk,
)

MANIFEST = "artifact.json"
PICKLED = frozenset({".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth"})
"""Endings of files that run code when they are loaded."""

_ASKED = 1 << 20
"""Bytes that a disk with any room takes."""

Recipe = Mapping[str, Any]
"""What makes a folder, as JSON: its parents' digests, the method, its settings."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A folder that is whole: `digest` covers the name and the content of every file."""

    digest: str
    folder: Path
    recipe: Recipe
    size: int
    """Bytes on disk, the manifest left out."""


class NotMade(ArtifactError):
    """A frozen store was asked to make something."""


class Artifacts:
    """The store below `root`: `<digest>/`, with `recipes/` and `names/` that point to them."""

    def __init__(self, root: Path, frozen: bool = False) -> None:
        """A `frozen` one makes nothing: `make` raises `NotMade` where it would have to."""
        self.root, self._frozen = root, frozen

    def find(self, recipe: Recipe) -> Artifact | None:
        """What the recipe made earlier; None where it did not, or what it made is not whole."""
        digest = _pointed_to(self._recipe(recipe))
        try:
            return self.open(digest) if digest else None
        except ArtifactError:
            return None

    def make(self, recipe: Recipe, write: Callable[[Path], object]) -> Artifact:
        """What the recipe made earlier, or what `write` puts into an empty folder now.

        Nothing stays of a `write` that fails, and nothing half-written is ever visible. Raises
        `ArtifactError` where the disk is full, whatever `write` raised.
        """
        if found := self.find(recipe):
            return found
        if self._frozen:
            raise NotMade(f"not made yet: {dict(recipe)}")
        self.sweep()
        with self._room() as room:
            write(room)
            digest = self._place(room, recipe)
            replace_json(self._recipe(recipe), {"digest": digest})
        return self.open(digest)

    def open(self, digest: str, verify: bool = False) -> Artifact:
        """The folder of that digest, every file there in its size, with `verify` in its bytes.

        Raises `ArtifactError` where it is missing, damaged or holds a pickle.
        """
        folder = self.root / digest
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            files: dict[str, dict[str, Any]] = manifest["files"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{folder} holds no artifact ({error}); make the model again: rag models make"
            ) from None
        for name, told in files.items():
            _check(folder / name, told, verify)
        if _digest(files) != digest:
            raise ArtifactError(f"{folder} is not what its name says; delete it and make it again")
        size = sum(int(told["size"]) for told in files.values())
        return Artifact(digest, folder, manifest["recipe"], size)

    def name(self, name: str, digest: str) -> None:
        """Let `name` mean that folder from now on."""
        if self._frozen or self.named(name) == digest:
            return
        replace_json(self.root / "names" / f"{name}.json", {"digest": digest})

    def named(self, name: str) -> str | None:
        """The digest that `name` means; None where it means nothing."""
        return _pointed_to(self.root / "names" / f"{name}.json")

    def names(self) -> dict[str, str]:
        """Every name and the digest that it means."""
        found = {path.stem: self.named(path.stem) for path in self.root.glob("names/*.json")}
        return {name: digest for name, digest in found.items() if digest}

    def all(self) -> list[Artifact]:
        """Every artifact that is whole; one that is damaged is left out."""
        found: list[Artifact] = []
        for manifest in self.root.glob(f"[0-9a-f]*/{MANIFEST}"):
            with suppress(ArtifactError):
                found.append(self.open(manifest.parent.name))
        return found

    def remove(self, digests: Collection[str]) -> None:
        """Delete artifacts, each out of sight in one step, and the recipes that point to them.

        Raises `ArtifactError` while something is being made here: it may be of one of them.
        """
        self.sweep()
        if making := sorted(self._rooms().values()):
            raise ArtifactError(
                f"process {making[0]} makes or measures a model now; run again when it has ended"
            )
        for recipe in self.root.glob("recipes/*.json"):
            if _pointed_to(recipe) in digests:
                recipe.unlink()
        for digest in digests:
            shutil.rmtree((self.root / digest).rename(self._temporary()), ignore_errors=True)

    def sweep(self) -> None:
        """Delete what processes that were killed left behind."""
        for folder, process in self._rooms().items():
            if not runs(process):
                shutil.rmtree(folder, ignore_errors=True)

    def _rooms(self) -> dict[Path, int]:
        """Folders of what is not whole, and the process whose each is."""
        return {
            folder: int(folder.name.removeprefix(TEMPORARY).partition("-")[0])
            for folder in self.root.glob(f"{TEMPORARY}[0-9]*-*")
        }

    def _temporary(self) -> Path:
        return self.root / f"{TEMPORARY}{os.getpid()}-{uuid4().hex}"

    @contextmanager
    def _room(self) -> Generator[Path]:
        """An empty folder that is gone afterwards, unless it was put in its place."""
        room = self._temporary()
        try:
            room.mkdir(parents=True)
            yield room
        except Exception as error:  # libraries wrap what the system says in errors of their own
            if not _ended_for_lack_of_room(error, room):
                raise
            raise ArtifactError(
                f"the disk that holds {self.root} is full; make room on it and run again: what was "
                "made before is kept"
            ) from error
        finally:
            shutil.rmtree(room, ignore_errors=True)

    def _recipe(self, recipe: Recipe) -> Path:
        written = json.dumps(recipe, sort_keys=True, ensure_ascii=False)
        return self.root / "recipes" / f"{sha256(written.encode()).hexdigest()}.json"

    def _place(self, room: Path, recipe: Recipe) -> str:
        refuse_pickles(room)
        files = {str(path.relative_to(room)): _described(path) for path in _files(room)}
        if not files:
            raise ArtifactError(f"nothing was made of {dict(recipe)}")
        digest = _digest(files)
        manifest = {"digest": digest, "recipe": recipe, "files": files}
        (room / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))
        for path in _files(room):
            path.chmod(0o644)  # libraries write some for their user alone
        sync_tree(room)
        self._replace(self.root / digest, room)
        return digest

    def _replace(self, place: Path, room: Path) -> None:
        """Put a folder in its place, where another recipe may have made the same."""
        with suppress(ArtifactError):
            self.open(place.name, verify=True)
            return
        shutil.rmtree(place, ignore_errors=True)
        room.rename(place)
        sync(self.root)


def refuse_pickles(folder: Path) -> None:
    """Raise `ArtifactError` where a file of the folder would run code when loaded."""
    for path in _files(folder):
        if path.suffix.lower() in PICKLED:
            raise ArtifactError(
                f"{path.name} is a pickle, which runs code when it is opened; "
                "convert the model to safetensors, GGUF or ONNX"
            )


def _ended_for_lack_of_room(error: Exception, room: Path) -> bool:
    """Whether a full disk is why: ONNX Runtime does not tell, so that the disk is asked too.

    What was half-written still fills it then.
    """
    try:
        (room / "asked").write_bytes(bytes(_ASKED))
    except OSError as refused:
        return tells_of_full_disk(str(refused))
    return tells_of_full_disk(str(error))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"size": path.stat().st_size, "sha256": file_digest(file, "sha256").hexdigest()}


def _digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"{name}\0{files[name]['sha256']}\n" for name in sorted(files)]
    return sha256("".join(lines).encode()).hexdigest()


def _check(path: Path, told: Mapping[str, Any], verify: bool) -> None:
    if path.suffix.lower() in PICKLED:
        raise ArtifactError(f"{path} is a pickle, which runs code when it is opened")
    if not path.is_file() or path.stat().st_size != told["size"]:
        raise ArtifactError(f"{path} is missing or cut off; make the model again")
    if verify and _described(path)["sha256"] != told["sha256"]:
        raise ArtifactError(
            f"{path} has not the SHA-256 {told['sha256']}; delete its folder and make it again"
        )


def _pointed_to(path: Path) -> str | None:
    try:
        return str((read_json(path) or {})["digest"])
    except (OSError, ValueError, KeyError):
        return None
