"""Readers that go away: the request ends at the server, and nothing of it is left here."""

import asyncio
import gc
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.llamacpp import LlamaCppGenerator
from rag_pipelines.inference.protocols import Generator, Prompt
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines_tests.inference.asking import collected
from rag_pipelines_tests.inference.model_server import WORDS, ModelServer

READERS = 50
SECOND = 1.0
CHATS = {"ollama": "/api/chat", "openai": "/v1/chat/completions"}


def _load(kind: str, server: ModelServer) -> Generator:
    path = "/v1" if kind == "openai" else ""
    return load_generator(f"{kind}:tiny-chat@{server.address}{path}", Path(), ModelServers())


def _descriptors() -> int:
    return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def _nothing_left(before: int, problems: list[dict[str, Any]]) -> None:
    gc.collect()
    # The loop itself closes generators inside the clients, in tasks of a moment.
    await _until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, 10)
    await _until(lambda: _descriptors() <= before, 10)
    assert problems == []


def _watched() -> list[dict[str, Any]]:
    """What the loop complains of: tasks destroyed, errors that nobody fetched."""
    problems: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: problems.append(told))
    return problems


@pytest.mark.parametrize("kind", CHATS)
def test_whole_answers_leave_no_connection(kind: str, server: ModelServer, prompt: Prompt):
    generator = _load(kind, server)

    async def read_all() -> None:
        before, problems = _descriptors(), _watched()
        answers = await asyncio.gather(*(collected(generator, prompt) for _ in range(READERS)))
        assert ["".join(answer) for answer in answers] == ["".join(WORDS)] * READERS
        await _nothing_left(before, problems)

    asyncio.run(read_all())


@pytest.mark.parametrize("kind", CHATS)
def test_readers_cancelled_before_the_first_piece_end_their_requests(
    kind: str, server: ModelServer, prompt: Prompt
):
    generator = _load(kind, server)
    server.fault = "hang"

    async def go_away() -> None:
        before, problems = _descriptors(), _watched()
        readers = [asyncio.create_task(collected(generator, prompt)) for _ in range(READERS)]
        await _until(lambda: len(server.asked(CHATS[kind])) == READERS, 20)
        for reader in readers:
            reader.cancel()
        await _until(lambda: server.hung_up == READERS, SECOND)
        ends = await asyncio.gather(*readers, return_exceptions=True)
        assert {type(end) for end in ends} == {asyncio.CancelledError}
        await _nothing_left(before, problems)

    asyncio.run(go_away())


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize("leaving", ["cancelled", "closing"])
def test_readers_that_leave_in_the_middle_end_their_requests(
    kind: str, leaving: str, server: ModelServer, prompt: Prompt
):
    generator = _load(kind, server)
    server.fault = "endless"

    async def go_away() -> None:
        before, problems = _descriptors(), _watched()
        leave = asyncio.Event()
        reading = [0]

        async def read() -> None:
            stream = generator.stream(prompt, 20)
            assert (await anext(stream)).startswith(WORDS[0])
            reading[0] += 1
            if leaving == "closing":
                await leave.wait()
                await stream.aclose()
            else:
                async for _ in stream:
                    pass

        readers = [asyncio.create_task(read()) for _ in range(READERS)]
        await _until(lambda: reading[0] == READERS, 20)
        leave.set()
        for reader in readers if leaving == "cancelled" else ():
            reader.cancel()
        await _until(lambda: server.hung_up == READERS, SECOND)
        await asyncio.gather(*readers, return_exceptions=True)
        await _nothing_left(before, problems)

    asyncio.run(go_away())


@pytest.mark.parametrize(
    "asked",
    ["Write a long story about a kettle.", "word " * 2500],
    ids=["while it writes", "while it reads the prompt"],
)
def test_the_embedded_model_stops_when_its_reader_goes_away(asked: str, prompt: Prompt):
    smollm2 = LlamaCppGenerator("smollm2", threads=1)

    async def seconds_until_it_answers_another() -> float:
        problems = _watched()
        long = replace(prompt, user=asked)
        reader = asyncio.create_task(collected(smollm2, long, 1500))
        waiting = asyncio.create_task(collected(smollm2, long, 1500))
        await asyncio.sleep(0.5)  # the runtime tells nobody that it has begun
        begun = time.monotonic()
        for task in (waiting, reader):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert await collected(smollm2, prompt, 2)
        assert problems == []
        return time.monotonic() - begun

    # Either would take ten seconds and more, the other answer takes half a second.
    assert asyncio.run(seconds_until_it_answers_another()) < 5 * SECOND
