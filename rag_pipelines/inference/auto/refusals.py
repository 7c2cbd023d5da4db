"""Which folder may be loaded as a model: safetensors, no code of its own, of the right kind.

Reads the JSON files beside the weights and decides by them alone, so that whatever is refused was
never opened. Does not know transformers, nor where a folder came from.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.storage.artifacts import PICKLED

_CONFIG = "config.json"
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_ADAPTER = "adapter_config.json"
_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "*.model", "*.spm")
_WITH_CODE = (_CONFIG, "tokenizer_config.json")
_SAFE = ".safetensors"
_CONVERT = "save it anew with save_pretrained, which writes safetensors"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder and what its config.json says."""

    path: Path
    config: dict[str, Any]

    @property
    def kind(self) -> str:
        """The model type, such as `bert`."""
        return str(self.config.get("model_type", ""))

    @property
    def architectures(self) -> frozenset[str]:
        """Classes that the weights are of."""
        told = self.config.get("architectures")
        return frozenset(map(str, told)) if isinstance(told, list) else frozenset()


def described(path: Path, name: str) -> ModelFolder:
    """What the folder says of itself. Raises `ModelUnavailable` where it is no model by itself."""
    if (path / _ADAPTER).exists():
        raise ModelUnavailable(f"{name}: is an adapter; merge it into its base model and name that")
    for file in _WITH_CODE:
        if (path / file).exists() and "auto_map" in _told(path / file, name):
            raise ModelUnavailable(
                f"{name}: {file} asks for code of the repository (auto_map), which is never run; "
                "name a model that transformers itself knows"
            )
    return ModelFolder(path, _told(path / _CONFIG, name))


def require_kind(folder: ModelFolder, name: str, expected: Collection[str]) -> None:
    """Raises `ModelUnavailable` unless the weights are of one of the expected classes.

    transformers would load others too, and fill what they lack with random numbers.
    """
    if not folder.architectures & set(expected):
        found = ", ".join(sorted(folder.architectures)) or "no architecture"
        wanted = " or ".join(sorted(expected)) or f"another model type than {folder.kind!r}"
        raise ModelUnavailable(
            f"{name}: config.json names {found}, expected {wanted}; name a model of that kind"
        )


def files_of(folder: ModelFolder, name: str) -> list[Path]:
    """What decides how the model answers: weights, vocabulary, config.json.

    Raises `ModelUnavailable` where one is missing or the weights are no safetensors.
    """
    weights = [folder.path / part for part in _weights(folder.path, folder.config, name)]
    for file in weights:
        if not file.is_file():
            raise ModelUnavailable(f"{name}: {file.name} is missing; {_CONVERT}")
    words = [path for pattern in _VOCABULARIES for path in folder.path.glob(pattern)]
    if not words:  # transformers would make an empty one
        raise ModelUnavailable(f"{name}: tokenizer.json is missing; save the tokenizer beside it")
    return [*weights, *words, folder.path / _CONFIG]


def _weights(folder: Path, config: dict[str, Any], name: str) -> list[str]:
    """Names of the files that transformers would open, each of them safetensors in the folder."""
    if named := config.get("transformers_weights"):
        found = [str(named)]
    elif (folder / _WEIGHTS).exists() or not (folder / _INDEX).exists():
        found = [_WEIGHTS]
    else:
        shards = _told(folder / _INDEX, name).get("weight_map")
        found = sorted(set(map(str, shards.values()))) if isinstance(shards, dict) else []
    pickles = [path.name for path in folder.iterdir() if path.suffix.lower() in PICKLED]
    if pickles and not any((folder / part).exists() for part in found):
        raise ModelUnavailable(
            f"{name}: only pickled weights ({', '.join(sorted(pickles))}), which may run code; "
            f"{_CONVERT}"
        )
    strange = [part for part in found if Path(part).name != part or Path(part).suffix != _SAFE]
    if strange or not found:
        raise ModelUnavailable(
            f"{name}: names {', '.join(strange) or 'no file'} as its weights, expected "
            f"safetensors in the folder; {_CONVERT}"
        )
    return found


def _told(path: Path, name: str) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelUnavailable(f"{name}: {path.name} is missing; name a model's folder") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelUnavailable(f"{name}: {path.name} cannot be read ({error})") from error
    if not isinstance(told, dict):
        raise ModelUnavailable(f"{name}: {path.name} is no JSON object; name a model's folder")
    return told
