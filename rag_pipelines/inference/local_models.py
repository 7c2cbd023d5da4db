"""Models on this machine by name: a folder, or a variant that the factory made.

Knows where they lie and what may be opened. Does not run them.
"""

from dataclasses import dataclass
from pathlib import Path

from rag_pipelines.errors import ArtifactError, ModelUnavailable
from rag_pipelines.inference.names import LOCAL_PROVIDERS, ModelName
from rag_pipelines.storage.artifacts import Artifacts, refuse_pickles
from rag_pipelines.storage.durable import files_sha256

FOLDER = "artifacts"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A folder of model files, and the digest of what is in it."""

    folder: Path
    digest: str


def local_model(name: ModelName, home: Path, digest: str = "") -> LocalModel:
    """The folder that the name means, every byte of it as it was when it was made.

    `digest` names the artifact where a variant has been made anew since. Raises
    `ModelUnavailable` where there is none, or where it was altered or holds a pickle.
    """
    folder = Path(name.model).expanduser()
    try:
        if "/" in name.model or folder.is_dir():
            return _of_folder(folder, name)
        artifacts = Artifacts(home / FOLDER)
        wanted = digest or artifacts.named(name.model)
        if wanted is None:
            raise ModelUnavailable(
                f"{name}: no variant of that name was made here; run: rag models make {name.model}"
            )
        found = artifacts.open(wanted, verify=True)
    except ArtifactError as error:
        raise ModelUnavailable(f"{name}: {error}") from error
    return LocalModel(found.folder, found.digest)


def _of_folder(folder: Path, name: ModelName) -> LocalModel:
    if not (folder / "config.json").is_file():
        raise ModelUnavailable(f"{name}: {folder} holds no config.json; name a model's folder")
    refuse_pickles(folder)
    return LocalModel(folder, files_sha256(folder, filter(Path.is_file, folder.rglob("*"))))


def variant_digest(name: str, home: Path) -> str:
    """The digest that a generator's name means now, where it is a variant's; otherwise empty."""
    provider, _, model = name.partition(":")
    if provider not in LOCAL_PROVIDERS or "/" in model:
        return ""
    return Artifacts(home / FOLDER).named(model) or ""
