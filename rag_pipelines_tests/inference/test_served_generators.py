"""Chat models over HTTP, by the official clients, against a server that also fails."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Generator, Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines_tests.inference.asking import pieces
from rag_pipelines_tests.inference.model_server import WORDS, ModelServer

KINDS = ["ollama", "openai"]


def _load(kind: str, server: ModelServer, servers: ModelServers) -> Generator:
    name = "ollama:tiny-chat" if kind == "ollama" else f"openai:tiny@{server.address}/v1"
    return load_generator(name, Path(), servers)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_comes_in_pieces(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    assert pieces(_load(kind, server, servers), prompt) == WORDS


def test_ollama_is_told_its_context_and_asked_for_the_models_digest(
    server: ModelServer, servers: ModelServers, prompt: Prompt
):
    generator = _load("ollama", server, servers)
    pieces(generator, prompt)
    (request,) = server.asked("/api/chat")
    assert request["options"] == {"num_ctx": 300, "num_predict": 20, "temperature": 0}
    assert [message["content"] for message in request["messages"]] == [prompt.system, prompt.user]
    assert (generator.name, generator.digest) == ("ollama:tiny-chat", server.digest)
    assert generator.context_tokens == 300


def test_openai_is_sent_the_prompt_as_system_and_user(
    server: ModelServer, servers: ModelServers, prompt: Prompt
):
    pieces(_load("openai", server, servers), prompt)
    (request,) = server.asked("/v1/chat/completions")
    assert [message["content"] for message in request["messages"]] == [prompt.system, prompt.user]
    assert (request["model"], request["max_tokens"]) == ("tiny", 20)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["error", "hang", "drip", "cut", "invalid", "no_done"])
def test_a_fault_is_a_typed_error_and_not_half_an_answer(
    kind: str, fault: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    generator = _load(kind, server, servers)
    server.fault = fault
    with pytest.raises(ModelError, match="tiny"):
        pieces(generator, prompt)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_recovers_without_the_generator_being_loaded_again(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    generator = _load(kind, server, servers)
    server.fault = "cut"
    with pytest.raises(ModelError):
        pieces(generator, prompt)
    server.fault = "none"
    assert pieces(generator, prompt) == WORDS


@pytest.mark.parametrize("kind", KINDS)
def test_closing_the_stream_ends_the_request_at_the_server(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    generator = _load(kind, server, servers)
    server.fault = "endless"

    async def closed() -> None:
        stream = generator.stream(prompt, 20)
        assert await anext(stream) == WORDS[0]
        await stream.aclose()

    asyncio.run(closed())
    deadline = time.monotonic() + 20
    while not server.broken_pipes and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.broken_pipes == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_there_is_unavailable_with_a_remedy(kind: str, prompt: Prompt):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        name = f"{kind}:tiny@{address}"
        with pytest.raises(ModelUnavailable, match=r"ollama serve|check the address"):
            pieces(load_generator(name, Path()), prompt)


def test_a_model_that_ollama_lacks_is_unavailable_and_the_pull_is_named(servers: ModelServers):
    with pytest.raises(ModelUnavailable, match="ollama pull absent"):
        load_generator("ollama:absent", Path(), servers)


def test_the_key_is_in_no_representation(servers: ModelServers):
    assert "secret-key" not in repr(servers)
