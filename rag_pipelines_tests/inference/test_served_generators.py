"""Chat models over HTTP, against a server that also fails."""

import asyncio
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Generator, Message, Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.inference.token_counts import approximate_tokens
from rag_pipelines_tests.inference.asking import counted, pieces, said
from rag_pipelines_tests.inference.model_server import CHAT_MODEL, WORDS, ModelServer

KINDS = ["ollama", "openai"]
CHATS = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}


def _load(kind: str, server: ModelServer, servers: ModelServers) -> Generator:
    name = "ollama:tiny-chat" if kind == "ollama" else f"openai:tiny@{server.address}/v1"
    return load_generator(name, Path(), servers)


def slowly(words: list[str]) -> Iterator[str]:
    """Far enough apart that the network does not bring two together."""
    for word in words:
        yield word
        time.sleep(0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_comes_in_pieces(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    server.says = lambda body: slowly(WORDS)
    assert pieces(_load(kind, server, servers), prompt) == WORDS


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_at_once_and_without_a_last_line_break_is_an_answer(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    generator = _load(kind, server, servers)
    server.fault = "unended"
    assert said(generator, prompt) == "".join(WORDS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_said_before_a_fault_is_told(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    generator, told = _load(kind, server, servers), list[str]()

    async def read() -> None:
        async for piece in generator.stream(prompt, 20):
            told.append(piece)

    server.fault = "invalid"
    with pytest.raises(ModelError, match="cannot be read"):
        asyncio.run(read())
    assert told == WORDS[:1]


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
def test_earlier_messages_are_sent_between_the_system_text_and_the_question(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    earlier = (Message("user", "A kettle?"), Message("assistant", "Yes."))
    pieces(_load(kind, server, servers), replace(prompt, history=earlier))
    (request,) = server.asked(CHATS[kind])
    assert request["messages"] == [
        {"role": "system", "content": prompt.system},
        {"role": "user", "content": "A kettle?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": prompt.user},
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_one_generator_serves_one_event_loop_after_another(
    kind: str, server: ModelServer, servers: ModelServers, prompt: Prompt
):
    generator = _load(kind, server, servers)
    assert [said(generator, prompt) for _ in range(3)] == ["".join(WORDS)] * 3


def test_openai_tells_context_and_slots_where_the_server_does(
    server: ModelServer, servers: ModelServers
):
    name = f"openai:{CHAT_MODEL}@{server.address}/v1"
    vllm = load_generator(name, Path(), servers)
    assert (vllm.context_tokens, vllm.slots) == (300, servers.openai_slots)
    server.slots = 3
    assert load_generator(name, Path(), servers).slots == 3
    assert _load("openai", server, servers).context_tokens == 8192  # it lists no such model


@pytest.mark.parametrize("key", ["", "secret-key"])
def test_a_server_with_a_tokenizer_counts_and_others_are_estimated(
    key: str, server: ModelServer, servers: ModelServers
):
    keyed = replace(servers, openai_api_key=key)
    texts = ["", "kettle", "Wasserkocher\ud800"]
    server.tokenizes = True
    counting = _load("openai", server, keyed)
    assert counted(counting, texts) == [0, 6, 13]  # the test's server makes a token of each byte
    server.tokenizes = False
    estimates = [approximate_tokens(text) for text in texts]
    assert counted(counting, texts) == estimates  # it went away after loading
    assert counted(_load("openai", server, keyed), texts) == estimates
    assert counted(_load("ollama", server, keyed), texts) == estimates


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
