"""The load generator: questions to a running service, and what became of each.

Knows HTTP and server-sent events. Runs in the stage's own process, never in the service's; its
client is aiohttp's, which costs a fraction of what httpx does and so delays less.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import aiohttp

_PATIENCE = aiohttp.ClientTimeout(total=120)
_FAULTS = (aiohttp.ClientError, TimeoutError)

Result = TypeVar("Result")


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
    status: int = 0
    whole: bool = False
    retry_after: str = ""


def numbered(questions: Sequence[str], number: int) -> str:
    """The question of that number; no two are the same, so that each can be told."""
    return f"{' '.join(questions[number % len(questions)].split())} ({number})"


def client(base: str) -> aiohttp.ClientSession:
    """Opens as many connections as are needed, and keeps them."""
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(base, connector=connector, timeout=_PATIENCE)


async def ask(session: aiohttp.ClientSession, question: str, due: float) -> Reply:
    """Ask for a whole answer."""
    began = time.monotonic()
    try:
        async with session.post("/api/question", json={"question": question}) as response:
            await response.read()
    except _FAULTS:
        return Reply(question, due, began, began, time.monotonic())
    over, status = time.monotonic(), response.status
    wait = response.headers.get("Retry-After", "")
    return Reply(question, due, began, over, over, status, status == 200, wait)


async def chat(session: aiohttp.ClientSession, question: str) -> Reply:
    """Ask for a streamed answer and read it to its end."""
    began = first = time.monotonic()
    event, body = b"", {"question": question, "stream": True}
    try:
        async with session.post("/api/question", json=body) as response:
            async for line in response.content:
                if line.startswith(b"event: "):
                    event = line.removeprefix(b"event: ").strip()
                    if event == b"token" and first == began:
                        first = time.monotonic()
    except _FAULTS:
        return Reply(question, began, began, began, time.monotonic())
    over, whole = time.monotonic(), event == b"done"
    return Reply(question, began, began, first, over, response.status, whole)


async def chats(
    base: str, clients: int, seconds: float, apart: float, questions: Sequence[str]
) -> list[Reply]:
    """So many clients, each asking once, and again after each answer while there is time.

    They begin so many seconds `apart`: people do not ask in step.
    """
    until, replies = time.monotonic() + seconds, list[Reply]()

    async def begin(number: int) -> None:
        await asyncio.sleep(number * apart)
        await one(number)

    async def one(number: int) -> None:
        replies.append(await chat(session, numbered(questions, number)))
        if time.monotonic() < until:
            await one(number + clients)

    async with client(base) as session:
        await _all(clients, begin)
    return replies


async def at_a_rate(
    base: str, per_second: float, seconds: float, questions: Sequence[str]
) -> list[Reply]:
    """An open loop: each question is asked when it is due, whatever became of those before it."""
    begin = time.monotonic() + 0.1

    async def one(number: int) -> Reply:
        due = begin + number / per_second
        await asyncio.sleep(due - time.monotonic())
        return await ask(session, numbered(questions, number), due)

    async with client(base) as session:
        return await _all(int(per_second * seconds), one)


async def at_once(base: str, clients: int, questions: Sequence[str]) -> list[Reply]:
    """A burst of clients that are connected already."""

    async def connected(_: int) -> None:
        async with session.get("/livez") as response:
            await response.read()

    async with client(base) as session:
        await _all(clients, connected)
        now = time.monotonic()
        return await _all(clients, lambda n: ask(session, numbered(questions, n), now))


async def _all(count: int, work: Callable[[int], Awaitable[Result]]) -> list[Result]:
    return await asyncio.gather(*(work(number) for number in range(count)))
