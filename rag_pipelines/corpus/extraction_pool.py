"""Pages extracted in worker processes: a page that kills, fills or hangs its worker is one failure.

Knows processes, limits and queues. What a page reads like is `extract`'s business; where pages
come from is the crawler's.
"""

import contextlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from rag_pipelines.corpus.extract import Extracted
from rag_pipelines.corpus.extraction_process import ExtractFailure, WorkerProcess, fork_server

__all__ = ["ExtractFailure", "ExtractionPool"]


@dataclass(frozen=True, slots=True)
class _Task:
    key: str
    body: bytes
    url: str
    charset: str | None


class ExtractionPool:
    """A context manager over `workers` processes, each with so much memory and time for a page.

    `submit` from one thread, and take results from it or another: `finished()` has what is done
    and never waits; `drain()` waits for all that was submitted. Results come in any order.

        with ExtractionPool() as pool:
            for page in fetched:
                pool.submit(page.url, page.body, page.url, page.charset)
                store(pool.finished())
            store(pool.drain())
    """

    def __init__(
        self, workers: int = 2, memory_bytes: int = 1 << 30, seconds: int = 30, waiting: int = 16
    ) -> None:
        """`waiting` pages may be queued before `submit` blocks."""
        self._tasks: queue.Queue[_Task | None] = queue.Queue(max(waiting, workers))
        self._results: queue.SimpleQueue[tuple[str, Extracted | ExtractFailure]] = (
            queue.SimpleQueue()
        )
        self._memory_bytes, self._seconds = memory_bytes, seconds
        self._outstanding = 0
        self._count = threading.Lock()
        self._stopping = threading.Event()
        self._count_of_workers = workers
        self.workers: list[WorkerProcess] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._server = fork_server(self._memory_bytes, self._seconds)
        self.workers = [
            WorkerProcess(self._server, self._seconds) for _ in range(self._count_of_workers)
        ]
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), daemon=True)
            for worker in self.workers
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self._tasks.get_nowait()
        for worker in self.workers:
            self._tasks.put(None)
            worker.kill()
        for thread in self._threads:
            thread.join()
        self._server.close()

    def submit(self, key: str, body: bytes, url: str = "", charset: str | None = None) -> None:
        """Queue a page; blocks while the queue is full, so that a fast crawl waits."""
        if self._stopping.is_set() or not self._threads or not self._threads[0].is_alive():
            raise RuntimeError("the extraction pool is not open: use it in a with statement")
        with self._count:
            self._outstanding += 1
        self._tasks.put(_Task(key, body, url, charset))

    def finished(self) -> Iterator[tuple[str, Extracted | ExtractFailure]]:
        """Results that are there now."""
        with contextlib.suppress(queue.Empty):
            while True:
                result = self._results.get_nowait()
                self._taken()
                yield result

    def drain(self) -> Iterator[tuple[str, Extracted | ExtractFailure]]:
        """Results until nothing that was submitted is left."""
        while self._outstanding:
            result = self._results.get()
            self._taken()
            yield result

    def _taken(self) -> None:
        with self._count:
            self._outstanding -= 1

    def _work(self, worker: WorkerProcess) -> None:
        try:
            worker.start()
            while not self._stopping.is_set() and (task := self._tasks.get()) is not None:
                self._results.put((task.key, worker.extract(task.body, task.url, task.charset)))
        finally:
            worker.close()
