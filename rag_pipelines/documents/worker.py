"""Parsers of hostile files run in a process of their own, within limits of memory and time.

Knows which function to call there and what its end means. What a file holds is the business of
the functions that are called; the process itself is `worker_main`.
"""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

from rag_pipelines.corpus.limited_process import Answer, LimitedProcess, Loss, started
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.sources import Documents

__all__ = ["DocumentFailure", "DocumentWorker"]

MEMORY_BYTES = 3 << 30
CPU_SECONDS = 120
WALL_SECONDS = 300


class DocumentWorker:
    """A context manager over one process that lives from file to file.

    `memory_bytes` caps its address space; `cpu_seconds` and `wall_seconds` are for one file. The
    process starts at the first task and is replaced after one that it did not survive. Tasks from
    several threads wait for each other.

        with DocumentWorker() as worker:
            texts = worker.run("rag_pipelines.documents.partition_pdf:page_texts", path, pages=3)
    """

    def __init__(
        self,
        memory_bytes: int = MEMORY_BYTES,
        cpu_seconds: int = CPU_SECONDS,
        wall_seconds: float = WALL_SECONDS,
    ) -> None:
        self._memory_bytes, self._cpu_seconds = memory_bytes, cpu_seconds
        self._wall_seconds = wall_seconds
        self._process = LimitedProcess(
            partial(started, "rag_pipelines.documents.worker_main", memory_bytes)
        )
        # The kernel ends the process with the thread that started it, so that is one of our own.
        self._thread = ThreadPoolExecutor(1, "document-worker")

    @classmethod
    def within(cls, limits: Documents) -> Self:
        """A worker with the limits of a source."""
        seconds = limits.max_seconds
        return cls(limits.max_memory_bytes, max(1, int(seconds)), seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._process.close()

    @property
    def pid(self) -> int | None:
        """The process's id, where one runs."""
        return self._process.pid

    def run(self, task: str, path: Path, **arguments: Any) -> Any:
        """What `task`, a function as `package.module:name`, makes of the file at `path`.

        The function is called there as `function(path, **arguments)`; its result is a JSON value.

        Raises:
            DocumentFailure: the function raised it, failed in any other way, or did not live.
            OSError: the machine's fault, not the file's: a full disk, no more open files.
        """
        header: Answer = {
            "task": task,
            "path": str(path),
            "arguments": arguments,
            "cpu_seconds": self._cpu_seconds,
        }
        answer = self._thread.submit(self._process.ask, header, b"", self._wall_seconds).result()
        if isinstance(answer, Loss):
            raise self._failure(answer)
        if "failed" in answer:
            raise _told(answer)
        return answer["value"]

    def _failure(self, loss: Loss) -> Exception:
        if not loss.started:
            return OSError("the document worker did not start; see standard error")
        if loss.timed_out:
            limit = f"{self._cpu_seconds} s of CPU or {self._wall_seconds:g} s in all"
            return DocumentFailure("timeout", f"the file takes more than {limit}")
        return _crash(loss.status, self._memory_bytes)


def _crash(status: int, memory_bytes: int) -> DocumentFailure:
    """How it ended. Libraries abort where they get no memory, which no status tells apart."""
    if status == -signal.SIGKILL:
        told = "the parser was killed from outside, as where the machine runs out of memory"
        return DocumentFailure("error", told)
    if status >= 0:
        return DocumentFailure("crashed", f"the parser ended with status {status}")
    name = signal.Signals(-status).name
    told = f"the parser was ended by {name}, as where {memory_bytes:,} bytes of memory are too few"
    return DocumentFailure("crashed", told)


def _told(answer: Answer) -> Exception:
    reason, detail = str(answer["failed"]), str(answer["detail"])
    if reason == "machine":
        number = cast("int", answer["errno"])
        return OSError(number, f"{os.strerror(number)}, told by the document worker: {detail}")
    return DocumentFailure(reason, detail)
