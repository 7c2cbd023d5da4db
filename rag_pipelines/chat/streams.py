"""A response that is told piece by piece, and whose making ends when its reader goes away.

Knows server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) and the
connection. Does not know what the pieces say.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from rag_pipelines.chat.tasks import given_up

SILENCE_SECONDS = 15.0
"""A stream without news says so this often, so that nothing between closes it."""
_KEEP_ALIVE = b": keep-alive\n\n"

Result = TypeVar("Result")


def server_sent(data: Any, event: str = "") -> bytes:
    """One event, its data as JSON on one line."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def streamed(description: str, **fields: Any) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a call that may answer with events: a schema is that of one event.

    `fields` are what an event has besides `data`, which is JSON as text.
    """
    properties = {**fields, "data": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {200: {"description": description, "content": {"text/event-stream": {"schema": schema}}}}


async def while_read(request: Request, work: Awaitable[Result]) -> Result:
    """What `work` gives. Where the reader goes away it is cancelled: `ClientDisconnect`."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.create_task(_gone(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        await given_up(working, leaving)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """Sends what `pieces` yields as it comes, and closes it when the reader is gone.

    Where the server itself ends first, `last_words` are sent in place of what is missing.
    """

    media_type = "text/event-stream"

    def __init__(self, pieces: AsyncGenerator[bytes], last_words: bytes) -> None:
        """Nothing is asked of `pieces` before the response is sent."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pieces, self._last_words = pieces, last_words
        self._sending, self._sent_at = asyncio.Lock(), 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the whole, or as much as the reader waits for."""
        telling = asyncio.create_task(self._tell(send))
        beside = asyncio.create_task(_gone(receive)), asyncio.create_task(self._keep_alive(send))
        try:
            await asyncio.wait({telling, beside[0]}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
        except asyncio.CancelledError:
            telling.cancel()  # what it still stores may take longer than the connection is there
            await self._sent(send, _body(self._last_words, more=False))
            raise
        finally:
            await given_up(telling, *beside)
            await self._pieces.aclose()

    async def _tell(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await self._sent(send, start)
        async for piece in self._pieces:
            await self._sent(send, _body(piece))
        await self._sent(send, _body(b"", more=False))

    async def _sent(self, send: Send, message: Message) -> None:
        async with self._sending:
            await send(message)
            self._sent_at = asyncio.get_running_loop().time()

    async def _keep_alive(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        self._sent_at = loop.time()
        while True:
            silent = loop.time() - self._sent_at
            if silent >= SILENCE_SECONDS:
                await self._sent(send, _body(_KEEP_ALIVE))
            else:
                await asyncio.sleep(SILENCE_SECONDS - silent)


def _body(data: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}
