"""Where a model is: a folder of this machine, or a hub's name whose files are had first.

Of a hub only what may be loaded is fetched: JSON, safetensors and vocabularies at the top of the
repository, its JSON before anything large. Does not decide what is loaded: `refusals` does.
"""

import re
from collections.abc import Callable
from pathlib import Path

from rag_pipelines.errors import ModelUnavailable

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?")
_TOLD = ["*.json"]
_LOADED = ["*.json", "*.safetensors", "*.txt", "*.model", "*.spm"]
_BELOW = ["*/*"]

Check = Callable[[Path], object]


def folder_of(source: str, name: str, offline: bool, check: Check) -> Path:
    """The folder that holds the model, once `check` let its JSON files pass.

    `offline` takes a hub's model from the local cache alone. Raises `ModelUnavailable` where
    there is none, and what `check` raises.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(source):
        raise ModelUnavailable(f"{name}: no folder, and no hub's name; name an existing folder")
    if not offline:
        check(_snapshot(source, name, offline, _TOLD))
    return _snapshot(source, name, offline, _LOADED)


def _snapshot(source: str, name: str, offline: bool, patterns: list[str]) -> Path:
    import httpx

    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelUnavailable(f"{name}: run: pip install 'rag_pipelines[models]'") from error
    try:
        return Path(
            snapshot_download(
                source,
                local_files_only=offline,
                allow_patterns=patterns,
                ignore_patterns=_BELOW,
            )
        )
    except (OSError, ValueError, httpx.HTTPError) as error:
        where = "the local cache has" if offline else "the hub gave"
        remedy = ", or unset HF_HUB_OFFLINE to have it fetched" if offline else ""
        raise ModelUnavailable(
            f"{name}: {where} no such model ({str(error)[:300]}); name a folder or a hub's model "
            f"with safetensors{remedy}"
        ) from error
