"""Models that an Ollama server runs, through the official client: `ollama:NAME`.

Knows Ollama's answers and errors. Does not know prompts or citations.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast
from weakref import finalize

from numpy.typing import ArrayLike

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.names import ModelName
from rag_pipelines.inference.protocols import Prompt, Tokenizer
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.inference.token_counts import approximate_tokens
from rag_pipelines.inference.tokenizer import tokenizer_for
from rag_pipelines.inference.transport import (
    DeadlineTransport,
    Passing,
    refused,
    retried,
    timeouts,
    tls,
    typed_errors,
)
from rag_pipelines.inference.unit_embedder import UnitEmbedder, fingerprint_of, unit_vectors

if TYPE_CHECKING:
    from ollama import AsyncClient, Client, ShowResponse

_CONTEXT = 8192
_EMBEDDING_CONTEXT = 512
_BATCH = 32
_SPECIAL_TOKENS = 2
_START = "start it with: ollama serve"


class OllamaEmbedder(UnitEmbedder):
    """An embedding model of an Ollama server. Its dimension is found out and then held to.

    Raises `ModelUnavailable` where no server answers or it lacks the model.
    """

    def __init__(self, name: ModelName, servers: ModelServers) -> None:
        self.name = str(name)
        self._servers = servers
        self._model = name.model
        self._host = name.base_url or servers.ollama_host
        self._client = open_client(self._host, servers)
        finalize(self, self._client.close)  # an embedder is never closed, only let go
        digest = self._asked(lambda: _digest(self._client, name.model))
        window = self._asked(lambda: _context_length(self._client.show(name.model)))
        self.tokenizer: Tokenizer = tokenizer_for(name.model)
        self.max_tokens = (window or _EMBEDDING_CONTEXT) - _SPECIAL_TOKENS
        self.dimension = unit_vectors(self._compute(["dimension"]), 1, None, self.name).shape[1]
        self.fingerprint = fingerprint_of(self.name, digest, "server", "unit", str(self.dimension))

    def _compute(self, texts: Sequence[str]) -> ArrayLike:
        vectors: list[Sequence[float]] = []
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            answer = self._asked(lambda batch=batch: self._client.embed(self._model, batch))
            if len(answer.embeddings) != len(batch):
                raise ModelError(
                    f"{self.name}: {len(batch)} vectors expected, found {len(answer.embeddings)}"
                )
            vectors.extend(answer.embeddings)
        return cast("ArrayLike", vectors)

    def _asked(self, call: Any) -> Any:
        def attempt() -> Any:
            with ollama_errors(self.name, self._model):
                return call()

        return retried(attempt, self._servers)


class OllamaGenerator:
    """A chat model of an Ollama server.

    Raises `ModelUnavailable` where no server answers or it lacks the model. `num_ctx` is always
    sent: the server's own default cuts prompts without a word.
    """

    def __init__(self, name: ModelName, servers: ModelServers) -> None:
        self.name = str(name)
        self._servers = servers
        self._model = name.model
        self._host = name.base_url or servers.ollama_host
        with ollama_errors(self.name, name.model), open_client(self._host, servers) as client:
            self.digest = _digest(client, name.model)
            window = _context_length(client.show(name.model))
        self.context_tokens = min(window or _CONTEXT, _CONTEXT)
        self.slots = servers.ollama_slots
        self.follows_instructions = True

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate: Ollama offers no tokenizer."""
        return [approximate_tokens(text) for text in texts]

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """Pieces of the answer as they come. Closing it ends the request."""
        with ollama_errors(self.name, self._model):
            async with open_async_client(self._host, self._servers) as client:
                events = await client.chat(
                    self._model,
                    [asdict(message) for message in prompt.messages],
                    stream=True,
                    options={
                        "num_ctx": self.context_tokens,
                        "num_predict": max_tokens,
                        "temperature": 0,
                    },
                )
                async with aclosing(cast("Any", events)), aclosing(self._pieces(events)) as pieces:
                    async for piece in pieces:
                        yield piece

    async def _pieces(self, events: AsyncIterator[Any]) -> AsyncGenerator[str]:
        done = False
        async for event in events:
            if event.message.content:
                yield event.message.content
            done = done or bool(event.done)
        if not done:
            raise ModelError(f"{self.name}: the answer was cut off")


def open_client(host: str, servers: ModelServers, patience: float | None = None) -> "Client":
    """The official client with limits on every wait; `patience` replaces them all."""
    from ollama import Client

    return Client(
        host,
        timeout=patience or timeouts(servers),
        transport=DeadlineTransport(patience or servers.answer_timeout),
        trust_env=False,
        follow_redirects=False,
    )


def open_async_client(host: str, servers: ModelServers) -> "AsyncClient":
    """The official client for one answer, with a limit on every wait but none on the whole.

    One an answer: its connections belong to the event loop that opened them, and it is made in
    a tenth of a millisecond.
    """
    from ollama import AsyncClient

    return AsyncClient(
        host, timeout=timeouts(servers), verify=tls(), trust_env=False, follow_redirects=False
    )


def first_chat_model(servers: ModelServers) -> str:
    """The first model that chats on the usual Ollama server.

    Raises `ModelUnavailable` where no server answers within `probe_timeout` or it has no such
    model, and `ModelError` where it answers nonsense.
    """
    opened = open_client(servers.ollama_host, servers, servers.probe_timeout)
    with ollama_errors("ollama:", "MODEL"), opened as client:
        names = [entry.model for entry in client.list().models if entry.model]
        for name in names:
            if _chats(client.show(name), name):
                return name
    raise ModelUnavailable(
        f"ollama: {servers.ollama_host} has no chat model; run: ollama pull llama3.2"
    )


def _chats(model: "ShowResponse", name: str) -> bool:
    if model.capabilities:
        return "completion" in model.capabilities
    return "embed" not in name and "bert" not in ((model.details and model.details.family) or "")


def _context_length(model: "ShowResponse") -> int | None:
    for key, value in (model.modelinfo or {}).items():
        if key.endswith(".context_length") and isinstance(value, int):
            return value
    return None


def _digest(client: "Client", model: str) -> str:
    wanted = {model, f"{model}:latest"}
    for entry in client.list().models:
        if entry.model in wanted:
            return entry.digest or ""
    raise ModelUnavailable(f"ollama:{model}: the server has no such model; {_pull(model)}")


def _pull(model: str) -> str:
    return f"run: ollama pull {model}"


@contextmanager
def ollama_errors(name: str, model: str) -> Iterator[None]:
    """Turn what the client raises into `ModelUnavailable` and `ModelError`."""
    from ollama import ResponseError

    try:
        with typed_errors(name, _START):
            yield
    except ConnectionError as error:
        raise Passing(f"{name}: no Ollama server answers; {_START}") from error
    except ResponseError as error:
        raise refused(name, error.status_code, error.error, _pull(model)) from error
