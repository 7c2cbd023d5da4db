"""Models behind OpenAI's protocol (vLLM, llama.cpp's server, …): `openai:NAME@URL`.

Knows the protocol's answers and errors, through the official client for all but streamed answers.
Does not know prompts or citations.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from weakref import finalize

import httpx
from numpy.typing import ArrayLike

from rag_pipelines.errors import ModelError
from rag_pipelines.inference.names import ModelName
from rag_pipelines.inference.protocols import Prompt, Tokenizer
from rag_pipelines.inference.servers import OPENAI_DEFAULT, ModelServers
from rag_pipelines.inference.token_counts import ServedTokenizer, approximate_tokens
from rag_pipelines.inference.tokenizer import tokenizer_for
from rag_pipelines.inference.transport import (
    DeadlineTransport,
    Passing,
    refused,
    retried,
    timeouts,
    tls,
    typed_errors,
    unrepeated,
    without,
)
from rag_pipelines.inference.unit_embedder import UnitEmbedder, fingerprint_of, unit_vectors

if TYPE_CHECKING:
    from openai import OpenAI

_CONTEXT = 8192
_EMBEDDING_CONTEXT = 512
_SPECIAL_TOKENS = 2
_BATCH = 32
_DONE = b"[DONE]"


class OpenAIEmbedder(UnitEmbedder):
    """An embedding model behind OpenAI's protocol. Its dimension is found out and held to.

    No digest is told by the protocol, so the fingerprint holds the server's address instead.
    """

    def __init__(self, name: ModelName, servers: ModelServers) -> None:
        self.name = str(name)
        self._servers = servers
        self._model = name.model
        self._client = open_openai_client(name, servers)
        finalize(self, self._client.close)  # an embedder is never closed, only let go
        window = retried(lambda: _window(self._client, self.name, name.model, servers), servers)
        self.tokenizer: Tokenizer = tokenizer_for(name.model)
        self.max_tokens = (window or _EMBEDDING_CONTEXT) - _SPECIAL_TOKENS
        self.dimension = unit_vectors(self._compute(["dimension"]), 1, None, self.name).shape[1]
        self.fingerprint = fingerprint_of(self.name, "", "server", "unit", str(self.dimension))

    def _compute(self, texts: Sequence[str]) -> ArrayLike:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _BATCH):
            batch = list(texts[start : start + _BATCH])
            vectors.extend(retried(lambda batch=batch: self._batch(batch), self._servers))
        return vectors

    def _batch(self, texts: list[str]) -> list[list[float]]:
        with openai_errors(self.name, self._model, self._servers):
            answer = self._client.embeddings.create(
                model=self._model, input=texts, encoding_format="float"
            )
        found = sorted(answer.data or (), key=lambda entry: entry.index)
        if [entry.index for entry in found] != list(range(len(texts))):
            raise ModelError(f"{self.name}: {len(texts)} vectors expected, found {len(found)}")
        return [entry.embedding for entry in found]


class OpenAIGenerator:
    """A chat model behind OpenAI's protocol, which tells no digest.

    What the server offers beside the protocol is found out here, once: vLLM and llama.cpp's
    server tell the context and have a tokenizer, the latter tells its slots too.
    Raises `ModelUnavailable` where no server answers.
    """

    digest = ""

    def __init__(self, name: ModelName, servers: ModelServers) -> None:
        self.name = str(name)
        self._served = name
        self._servers = servers
        with open_openai_client(name, servers) as client:
            window = _window(client, self.name, name.model, servers)
        self.context_tokens = min(window or _CONTEXT, _CONTEXT)
        root = (name.base_url or OPENAI_DEFAULT).removesuffix("/v1")
        self.slots = _slots(root, servers) or servers.openai_slots
        self.follows_instructions = True
        tokenizer = ServedTokenizer(root, name.model, _key(servers), servers.connect_timeout)
        self._tokenizer = tokenizer if tokenizer.there() else None

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, by the server where it counts them; else an estimate."""
        if self._tokenizer:
            return await self._tokenizer.count(texts)
        return [approximate_tokens(text) for text in texts]

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """Pieces of the answer as they come. Closing it ends the request.

        Asked and read here and not by the client, which takes an answer that breaks off for a
        whole one, and by aiohttp, which takes a fraction of the processor time that httpx does.
        """
        import aiohttp

        servers, remedy = self._servers, _remedy(self._served.model)
        waits = aiohttp.ClientTimeout(
            total=None, connect=servers.connect_timeout, sock_read=servers.read_timeout
        )
        with unrepeated(servers.openai_api_key), _aiohttp_errors(self.name, remedy):
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=tls(), force_close=True),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=waits,
                ) as session,
                session.post(
                    f"{self._served.base_url or OPENAI_DEFAULT}/chat/completions",
                    headers={"Authorization": f"Bearer {_key(servers)}"},
                    json=self._request(prompt, max_tokens),
                    allow_redirects=False,
                ) as response,
            ):
                if response.status != 200:
                    told = without(servers.openai_api_key, await response.text(errors="replace"))
                    raise refused(self.name, response.status, told, remedy)
                async with aclosing(self._pieces(response.content.iter_any())) as pieces:
                    async for piece in pieces:
                        yield piece

    def _request(self, prompt: Prompt, max_tokens: int) -> dict[str, Any]:
        return {
            "model": self._served.model,
            "messages": [asdict(message) for message in prompt.messages],
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": True,
        }

    async def _pieces(self, received: AsyncIterator[bytes]) -> AsyncGenerator[str]:
        """What the events say; of those that come together in one piece."""
        line = b""
        async for data in received:
            *lines, line = (line + data).split(b"\n")
            told = [one[5:].strip() for one in lines if one.startswith(b"data:")]
            said = ""
            try:
                for event in told:
                    if event == _DONE:
                        return
                    said += self._piece(json.loads(event))
            finally:
                if said:
                    yield said
        if line[5:].strip() != _DONE:  # the last line may lack its end
            raise ModelError(f"{self.name}: the answer was cut off (no {_DONE.decode()})")

    def _piece(self, event: Any) -> str:
        if not isinstance(event, dict) or event.get("error"):
            told = without(self._servers.openai_api_key, str(event))
            raise ModelError(f"{self.name}: the server reported {told[:300]}")
        choices = event.get("choices") or [{}]
        return (choices[0].get("delta") or {}).get("content") or ""


def open_openai_client(name: ModelName, servers: ModelServers) -> "OpenAI":
    """The official client with limits on every wait."""
    from openai import OpenAI

    http: Any = httpx.Client(
        timeout=timeouts(servers),
        transport=DeadlineTransport(servers.answer_timeout),
        trust_env=False,
    )
    return OpenAI(
        base_url=name.base_url or OPENAI_DEFAULT,
        api_key=_key(servers),
        max_retries=0,  # `retried` counts the attempts
        http_client=http,
    )


def _key(servers: ModelServers) -> str:
    """The key as sent: the client wants one, and HTTP allows no empty one."""
    return servers.openai_api_key or "none"


def _window(client: "OpenAI", name: str, model: str, servers: ModelServers) -> int | None:
    """The context length, where the server tells it as vLLM or llama.cpp's does."""
    with openai_errors(name, model, servers):
        entries = client.models.list().data
        for entry in entries:
            more = entry.model_extra or {}
            told = more.get("max_model_len") or (more.get("meta") or {}).get("n_ctx")
            # The only model of a server answers to any name at llama.cpp's.
            if (entry.id == model or len(entries) == 1) and isinstance(told, int):
                return told
    return None


def _slots(root: str, servers: ModelServers) -> int | None:
    """How many answers it writes at once, where the server tells it as llama.cpp's does."""
    try:
        answer = httpx.get(
            f"{root}/props",
            headers={"Authorization": f"Bearer {_key(servers)}"},
            timeout=servers.connect_timeout,
            verify=tls(),
            trust_env=False,
        )
        told = answer.raise_for_status().json()["total_slots"]
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return None
    return told if isinstance(told, int) else None


@contextmanager
def _aiohttp_errors(name: str, remedy: str) -> Iterator[None]:
    """As `typed_errors`, of what aiohttp raises."""
    import aiohttp

    try:
        with typed_errors(name, remedy):
            yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Passing(f"{name}: no server answers ({error}); {remedy}") from error
    except aiohttp.ServerTimeoutError as error:
        raise ModelError(f"{name}: the answer did not come in time ({error})") from error
    except aiohttp.ClientError as error:
        raise Passing(f"{name}: the connection broke off ({error})") from error


def _remedy(model: str) -> str:
    return f"check the address and that {model} is served there"


@contextmanager
def openai_errors(name: str, model: str, servers: ModelServers) -> Iterator[None]:
    """Turn what the client raises into `ModelUnavailable` and `ModelError`, without the key."""
    import openai

    remedy = _remedy(model)
    with unrepeated(servers.openai_api_key):
        try:
            with typed_errors(name, remedy):
                yield
        except openai.APITimeoutError as error:
            raise ModelError(f"{name}: the answer did not come in time") from error
        except openai.APIConnectionError as error:
            raise Passing(f"{name}: no server answers ({error.__cause__}); {remedy}") from error
        except openai.APIStatusError as error:
            message = without(servers.openai_api_key, error.message)
            raise refused(name, error.status_code, message, remedy) from error
        except openai.OpenAIError as error:
            raise ModelError(f"{name}: the answer cannot be read ({error})") from error
