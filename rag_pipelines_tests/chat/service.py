"""The service as real as it gets: uvicorn on loopback, in a thread or in a process of its own."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from rag_pipelines.chat.app import Parts, create_app
from rag_pipelines.chat.gate import Rules
from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.chat.keys import Keys
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.server import address, configured, listen, run
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.tables import Tables
from rag_pipelines_tests.chat.editions import Echo, releases_in
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

OPEN = Rules(keys=Keys(Path("/nowhere/keys.json")))


@contextmanager
def serving(live: LiveRelease, **parts: Any) -> Iterator[httpx.Client]:
    """A client of a running service."""
    app = app_over(live, **parts)
    with running(app) as base, httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        yield client


def app_over(live: LiveRelease, **parts: Any) -> FastAPI:
    """The whole app, with what a test does not name left out."""
    return create_app(parts_over(live, **parts))


def parts_over(live: LiveRelease, **parts: Any) -> Parts:
    history = SqliteHistory(Path(mkdtemp(prefix="rag-history-")) / "history.db")
    usual: dict[str, Any] = {
        "blobs": Blobs("memory://none"),
        "tables": Tables("memory://none"),
        "history": history,
        "rules": OPEN,
    }
    return Parts(live=live, **{**usual, **parts})


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """The address of an app on a real socket."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(configured(app))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield address(listening)
    finally:
        server.should_exit = True
        thread.join()


def until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until something holds; fail where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)


def ready(client: httpx.Client, generation: int) -> bool:
    told = client.get("/readyz").json()
    return told["generation"] == generation and told["status"] in ("ok", "degraded")


def main(home: str, waits_for: str) -> None:
    """Serve with a generator that, once asked, waits until a file is there."""

    class Waiting(Echo):
        async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
            Path(f"{waits_for}.asked").touch()
            while not Path(waits_for).exists():
                await asyncio.sleep(0.02)
            async for piece in super().stream(prompt, max_tokens):
                yield piece

    live = LiveRelease(releases_in(Path(home)), TopicEmbedder(), lambda name: Waiting())
    parts = parts_over(live, history=SqliteHistory(Path(home) / "history.db"))
    run(listen("127.0.0.1", 0), parts, lambda url: print(url, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
