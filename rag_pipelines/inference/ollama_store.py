"""Models put into an Ollama server, or fetched by it, through the official client.

Knows what Ollama takes: safetensors in full precision. Does not ask models anything.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_pipelines.errors import UserError
from rag_pipelines.inference.causal import ONNX_FILE
from rag_pipelines.inference.ollama_models import ollama_errors, open_client
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.records import Progress
from rag_pipelines.storage.artifacts import MANIFEST
from rag_pipelines.storage.durable import read_json

if TYPE_CHECKING:
    from ollama import ProgressResponse

_PATIENCE = 24 * 3600.0
"""Seconds for one model: what is large takes long, and says how far it is."""
_WANTED = (".json", ".model", ".safetensors", ".txt", ".jinja")
"""Endings of files that Ollama reads of a model's folder."""


def push(folder: Path, name: str, host: str, servers: ModelServers, tell: Progress) -> None:
    """Create a model on an Ollama server from a folder of safetensors.

    Raises `UserError` where the folder holds what Ollama cannot read, `ModelUnavailable` where no
    server answers and `ModelError` where it refuses.
    """
    _require_plain(folder)
    files = sorted(path for path in folder.iterdir() if _is_wanted(path))
    with ollama_errors(f"ollama:{name}", name), open_client(host, servers, _PATIENCE) as client:
        sent: dict[str, str] = {}
        for done, path in enumerate(files):
            tell("send files", done, len(files))
            sent[path.name] = client.create_blob(path)
        tell("send files", len(files), len(files))
        _follow(client.create(name, files=sent, stream=True), tell)


def pull(name: str, host: str, servers: ModelServers, tell: Progress) -> None:
    """Have an Ollama server fetch a model. Raises as `push` does."""
    with ollama_errors(f"ollama:{name}", name), open_client(host, servers, _PATIENCE) as client:
        _follow(client.pull(name, stream=True), tell)


def missing_models(names: Iterable[str], there: Iterable[str]) -> list[str]:
    """Those of the names that a server lacks; without a tag `latest` is meant."""
    known = set(there)
    return sorted({n for n in names if not {n, f"{n}:latest"} & known})


def _is_wanted(path: Path) -> bool:
    return path.is_file() and path.suffix in _WANTED and path.name != MANIFEST


def _require_plain(folder: Path) -> None:
    takes = "Ollama takes safetensors in full precision: push a base, a merged or a tuned model"
    if (folder / ONNX_FILE).is_file():
        raise UserError(f"This model is an ONNX graph. {takes}.")
    if "quantization_config" in (read_json(folder / "config.json") or {}):
        raise UserError(f"This model's weights are in bitsandbytes' format. {takes}.")


def _follow(told: "Iterable[ProgressResponse]", tell: Progress) -> None:
    for one in told:
        found: Any = one
        total = found.total or 1
        tell(found.status or "create", found.completed or 0, total)
