"""What stands in front of every generator, held against servers that fail in every way."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.guarded import GuardedGenerator
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines_tests.inference.asking import counted, pieces, said
from rag_pipelines_tests.inference.model_server import WORDS, ModelServer, serving

CHATS = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}
FAULTS = ["refuse", "error", "hang", "drip", "cut", "invalid", "no_done"]
HURRIED = ModelServers(
    read_timeout=0.3,
    answer_timeout=0.6,
    retries=1,
    retry_delay=0.01,
    circuit_failures=3,
    circuit_pause=0.4,
)


def _load(kind: str, address: str, servers: ModelServers = HURRIED) -> GuardedGenerator:
    path = "/v1" if kind == "openai" else ""
    return load_generator(f"{kind}:tiny-chat@{address}{path}", Path(), servers)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.01)


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_typed_error_in_time_opens_the_circuit_and_it_closes_by_itself(
    kind: str, fault: str, prompt: Prompt
):
    state = ModelServer()
    with ExitStack() as down, serving(state) if fault != "refuse" else ExitStack():
        if fault == "refuse":
            down.enter_context(serving(state))
        generator = _load(kind, state.address)
        state.fault = fault
        if fault == "refuse":
            down.close()
        for _ in range(HURRIED.circuit_failures):
            assert generator.circuit.state == "closed"
            begun = time.monotonic()
            with pytest.raises(ModelError, match="tiny-chat"):
                pieces(generator, prompt)
            assert time.monotonic() - begun < HURRIED.answer_timeout + 2
        assert generator.circuit.state == "open"
        asked = len(state.requests)
        with pytest.raises(ModelUnavailable, match="3 times in a row and is tried again in"):
            pieces(generator, prompt)
        assert len(state.requests) == asked

        state.fault = "none"
        if fault == "refuse":
            down.enter_context(serving(state, urlsplit(state.address).port or 0))
        _until(lambda: generator.circuit.state == "half_open")
        assert said(generator, prompt) == "".join(WORDS)
        assert generator.circuit.state == "closed"


@pytest.mark.parametrize("kind", CHATS)
def test_a_server_that_is_busy_once_is_asked_again(kind: str, server: ModelServer, prompt: Prompt):
    generator = _load(kind, server.address)
    server.fault = "busy_once"
    assert said(generator, prompt) == "".join(WORDS)
    assert len(server.asked(CHATS[kind])) == 2


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize(("fault", "attempts"), [("error", 3), ("cut", 1), ("hang", 1)])
def test_attempts_are_counted_and_none_follows_a_piece_or_a_silence(
    kind: str, fault: str, attempts: int, server: ModelServer, prompt: Prompt
):
    generator = _load(kind, server.address, replace(HURRIED, retries=2))
    server.fault = fault
    with pytest.raises(ModelError):
        pieces(generator, prompt)
    assert len(server.asked(CHATS[kind])) == attempts


@pytest.mark.parametrize("kind", CHATS)
def test_a_request_that_the_server_refuses_says_nothing_against_the_server(
    kind: str, server: ModelServer, prompt: Prompt
):
    generator = _load(kind, server.address)
    server.fault = "rejected"
    for _ in range(HURRIED.circuit_failures + 1):
        with pytest.raises(ModelError, match="too long"):
            pieces(generator, prompt)
    assert generator.circuit.state == "closed"
    assert len(server.asked(CHATS[kind])) == HURRIED.circuit_failures + 1


def test_while_the_circuit_is_open_tokens_are_estimated(server: ModelServer, prompt: Prompt):
    server.tokenizes = True
    generator = _load("openai", server.address, replace(HURRIED, circuit_failures=1))
    assert counted(generator, ["kettle"]) == [6]
    server.fault = "invalid"
    with pytest.raises(ModelError):
        pieces(generator, prompt)
    assert counted(generator, ["kettle"]) == [2]


def test_a_slow_reader_is_told_at_its_next_piece_and_never_cancelled(
    server: ModelServer, prompt: Prompt
):
    server.fault = "endless"
    generator = _load("ollama", server.address, replace(HURRIED, answer_timeout=0.3))

    async def reads_slowly() -> None:
        stream = generator.stream(prompt, 20)
        await anext(stream)
        await asyncio.sleep(0.5)
        with pytest.raises(ModelError, match=r"over 0\.3 s"):
            await anext(stream)

    asyncio.run(reads_slowly())
