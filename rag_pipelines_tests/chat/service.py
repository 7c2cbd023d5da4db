"""The service as real as it gets: uvicorn on loopback, in a thread or in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from rag_pipelines.chat.admission import Admission
from rag_pipelines.chat.app import Parts, create_app
from rag_pipelines.chat.gate import Rules
from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines.chat.keys import Keys
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.server import address, configured, listen, run
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.settings import settings
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.tables import Tables
from rag_pipelines_tests.chat.editions import FAKE, releases_in
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


@contextmanager
def process(home: Path, **given: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address and the process of a service over the releases at home; killed in the end.

    It answers with the model that the pointer names, in the environment that is given.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAG_")}
    started = subprocess.Popen(
        [sys.executable, "-m", "rag_pipelines_tests.chat.service"],
        env=own | {"RAG_HOME": str(home), "RAG_PORT": "0", **given},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        base = started.stdout.readline().strip()
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            until(lambda: client.get("/readyz").status_code == 200, 60)
        yield base, started
    finally:
        started.kill()
        started.communicate()


def main() -> None:
    """What `rag serve` does, with the embedder of the tests."""
    given = settings()
    live = LiveRelease(
        releases_in(given.home),
        TopicEmbedder(),
        lambda model: load_generator(model.name or FAKE.name, given.home),
    )
    parts = parts_over(
        live,
        history=open_history(given.history_url.get_secret_value(), given.history_ttl_days),
        admission=Admission(given.queue, given.queue_seconds),
        slots=given.slots,
    )
    run(listen(given.host, given.port), parts, lambda url: print(url, flush=True))


if __name__ == "__main__":
    main()
