"""`rag serve` as a process of its own on a free port, for the stages that ask it.

Run as a module, it is `rag serve` that tells in the end how long each search took: `FILE`.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import scale
from benchmarks.context import REPOSITORY, Context
from benchmarks.corpus import embedder_of
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.verify import verify

_SETTLE_SECONDS = 60.0


def published(context: Context, model: ModelRef) -> Path:
    """A home whose release has the fewest rows that were asked for; it is served with `model`."""
    release = scale.built(context, min(context.rows))
    releases, embedder = Releases(release.parent), embedder_of(context)
    verdict = verify(releases.root, release.name, None, embedder.name, context.home)
    releases.record_verdict(verdict)
    releases.publish(release.name, model, "load")
    return releases.root.parent


@contextmanager
def serving(
    env: Mapping[str, str], log: Path, searches: Path | None = None
) -> Iterator[tuple[str, psutil.Process]]:
    """The service's address and process while the block runs.

    Where `searches` is named, it holds afterwards the query and the seconds of every search.
    """
    module = ["benchmarks.service", str(searches)] if searches else ["rag_pipelines.cli", "serve"]
    command = [sys.executable, "-u", "-m", *module]
    given = {**env, "RAG_PORT": "0"}
    with log.open("wb") as errors:
        process = subprocess.Popen(command, env=given, cwd=REPOSITORY, stderr=errors)
    try:
        base = _address(log)
        _ready(base)
        yield base, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _address(log: Path) -> str:
    until = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < until:
        if found := re.search(r"http://\S+:\d+", log.read_text()):
            return found[0]
        time.sleep(0.1)
    raise RuntimeError(f"rag serve did not start: {log.read_text()[-500:]}")


def _ready(base: str) -> None:
    until = time.monotonic() + _SETTLE_SECONDS
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        while time.monotonic() < until:
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.ConnectError:
                pass
            time.sleep(0.1)
    raise RuntimeError("rag serve was not ready in time")


def main(searches: str) -> None:
    """Serve, and write down every search."""
    from rag_pipelines.cli import main as rag
    from rag_pipelines.retrieval.retriever import Retriever

    search, took = Retriever.search, list[tuple[str, float]]()

    def timed(retriever: Retriever, query: str, *given: Any) -> Any:
        began = time.monotonic()
        try:
            return search(retriever, query, *given)
        finally:
            took.append((query, time.monotonic() - began))

    Retriever.search = timed
    sys.argv[1:] = ["serve"]
    try:
        rag()
    finally:
        Path(searches).write_text(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
