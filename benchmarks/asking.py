"""The load generator: questions to a running service, and what became of each.

Knows HTTP and server-sent events. Runs in the stage's own process, never in the service's.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What one question came to. Times are of `time.monotonic`, `first` that of the first token.

    `status` is 0 where the response did not come to its end. `whole` is whether the answer did.
    """

    question: str
    due: float
    began: float
    first: float
    over: float
    status: int
    whole: bool
    retry_after: str = ""


def numbered(questions: Sequence[str], number: int) -> str:
    """The question of that number; no two are the same, so that each can be told."""
    return f"{' '.join(questions[number % len(questions)].split())} ({number})"


def client(base: str, connections: int) -> httpx.AsyncClient:
    """Keeps so many connections open, and waits for none to become free."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=connections)
    return httpx.AsyncClient(
        base_url=base, timeout=_PATIENCE_SECONDS, trust_env=False, limits=limits
    )


async def ask(client: httpx.AsyncClient, question: str, due: float) -> Reply:
    """Ask for a whole answer."""
    began = time.monotonic()
    try:
        response = await client.post("/api/question", json={"question": question})
    except httpx.HTTPError:
        return _lost(question, due, began)
    over = time.monotonic()
    status, wait = response.status_code, response.headers.get("retry-after", "")
    return Reply(question, due, began, over, over, status, status == 200, wait)


async def chat(client: httpx.AsyncClient, question: str) -> Reply:
    """Ask for a streamed answer and read it to its end."""
    began = first = time.monotonic()
    event = ""
    try:
        body = {"question": question, "stream": True}
        async with client.stream("POST", "/api/question", json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    event = line.removeprefix("event: ")
                    if event == "token" and first == began:
                        first = time.monotonic()
    except httpx.HTTPError:
        return _lost(question, began, began)
    over = time.monotonic()
    return Reply(question, began, began, first, over, response.status_code, event == "done")


def _lost(question: str, due: float, began: float) -> Reply:
    return Reply(question, due, began, began, time.monotonic(), 0, False)


async def chats(base: str, clients: int, seconds: float, questions: Sequence[str]) -> list[Reply]:
    """So many clients, each asking the next question when it has read the answer."""
    until, replies = time.monotonic() + seconds, list[Reply]()

    async def one(number: int) -> None:
        while time.monotonic() < until:
            replies.append(await chat(shared, numbered(questions, number)))
            number += clients

    async with client(base, clients) as shared:
        await asyncio.gather(*(one(number) for number in range(clients)))
    return replies


async def at_a_rate(
    base: str, per_second: float, seconds: float, questions: Sequence[str]
) -> list[Reply]:
    """An open loop: each question is asked when it is due, whatever became of those before it."""
    begin = time.monotonic() + 0.1

    async def one(number: int) -> Reply:
        due = begin + number / per_second
        await asyncio.sleep(due - time.monotonic())
        return await ask(shared, numbered(questions, number), due)

    async with client(base, 100) as shared:
        return await asyncio.gather(*(one(n) for n in range(int(per_second * seconds))))


async def at_once(base: str, clients: int, questions: Sequence[str]) -> list[Reply]:
    """A burst of clients that are connected already."""

    async def each(work: Callable[[int], Coroutine[Any, Any, Any]]) -> list[Any]:
        return await asyncio.gather(*(work(number) for number in range(clients)))

    async with client(base, clients) as shared:
        await each(lambda number: shared.get("/livez"))
        now = time.monotonic()
        return await each(lambda number: ask(shared, numbered(questions, number), now))
