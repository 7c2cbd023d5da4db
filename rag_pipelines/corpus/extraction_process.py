"""Worker processes that extract pages, one at a time each, forked from one that is warm."""

import socket
import subprocess
from dataclasses import dataclass
from typing import cast

from rag_pipelines.corpus.extract import Extracted
from rag_pipelines.corpus.fork_server import ForkServer
from rag_pipelines.corpus.limited_process import LimitedProcess, Loss, started


@dataclass(frozen=True, slots=True)
class ExtractFailure:
    """Why a page could not be read. `reason` is `timeout`, `memory`, `crashed` or `error`."""

    reason: str
    detail: str


def fork_server(memory_bytes: int, seconds: int) -> ForkServer:
    """Where workers come from, each with so much memory, and so much time for a page.

    It ends with the thread that calls this.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        module = "rag_pipelines.corpus.extraction_worker"
        pipes = {"stdin": theirs.fileno(), "stdout": subprocess.DEVNULL}
        return ForkServer(started(module, memory_bytes, seconds, **pipes), ours)


class WorkerProcess:
    """One process that extracts one page at a time; a dead one is replaced at the next page."""

    def __init__(self, server: ForkServer, seconds: int) -> None:
        self._seconds = seconds
        self._process = LimitedProcess(server.fork)
        self.start, self.kill, self.close = (
            self._process.start,
            self._process.kill,
            self._process.close,
        )

    @property
    def pid(self) -> int | None:
        """The process's id, where one runs."""
        return self._process.pid

    def extract(self, body: bytes, url: str, charset: str | None) -> Extracted | ExtractFailure:
        """The page as it reads, or why there is none. Never raises for what a page does."""
        answer = self._process.ask({"url": url, "charset": charset}, body, self._seconds)
        if isinstance(answer, Loss):
            return self._failure(answer)
        if "failed" in answer:
            return ExtractFailure(str(answer["failed"]), str(answer["detail"]))
        return Extracted(**cast("dict[str, str]", answer))

    def _failure(self, loss: Loss) -> ExtractFailure:
        if not loss.started:
            problem = "the extraction worker did not start; see standard error"
            return ExtractFailure("crashed", problem)
        if loss.timed_out:
            return ExtractFailure("timeout", f"the page took longer than {self._seconds} s to read")
        return ExtractFailure("crashed", f"the extraction worker ended with status {loss.status}")
