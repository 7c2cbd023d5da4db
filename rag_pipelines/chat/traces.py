"""A sample of the questions, exported beside them and never in their way.

Knows a bounded queue and one thread. What cannot be exported is dropped and counted: questions are
answered all the same. Where traces go stands in `mlflow_traces`.
"""

import logging
import random
from collections.abc import Callable
from contextlib import suppress
from queue import Full, Queue
from threading import Lock, Thread

from rag_pipelines.chat.watching import Watch

log = logging.getLogger(__name__)

QUEUE = 100
_STOP_SECONDS = 2.0
"""How long the end of the service waits for traces that are still to be exported."""

Export = Callable[[Watch], None]
"""Takes a trace where it belongs; may be slow, and may raise anything."""


class Traces:
    """Exports a share of the questions. Nothing is started where that share is 0."""

    def __init__(
        self, export: Export = lambda _: None, sampling: float = 0.0, queue: int = QUEUE
    ) -> None:
        """`sampling` is from 0 to 1; at most `queue` traces wait to be exported."""
        self._export, self._sampling = export, sampling
        self._queue: Queue[Watch | None] = Queue(queue)
        self._thread = Thread(target=self._work, name="traces", daemon=True)
        self._lock, self._failing = Lock(), False
        self.exported = self.dropped = 0
        """Traces that arrived, and traces that were lost."""

    @property
    def waiting(self) -> int:
        """Traces that nobody has begun to export."""
        return self._queue.qsize()

    def offer(self, watch: Watch) -> None:
        """Export this question, if it is one of the sample and there is room."""
        if random.random() >= self._sampling:  # noqa: S311 (chooses a sample)
            return
        if self._thread.ident is None:
            self._thread.start()
        try:
            self._queue.put_nowait(watch)
        except Full:
            self._drop("it does not keep up")

    def stop(self) -> None:
        """Export what waits, as far as that goes soon; what hangs ends with the process."""
        with suppress(Full):
            self._queue.put_nowait(None)
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def _work(self) -> None:
        while (watch := self._queue.get()) is not None:
            try:
                self._export(watch)
            except Exception as error:  # its message may hold the store's password
                self._drop(f"{type(error).__name__}")
            else:
                self._failing = False
                self.exported += 1

    def _drop(self, why: str) -> None:
        """Count a trace that is lost; the first of a row is logged as well."""
        with self._lock:
            self.dropped += 1
            first, self._failing = not self._failing, True
        if first:
            log.warning(
                "traces are being dropped, for MLflow fails: %s; look whether what "
                "MLFLOW_TRACKING_URI names runs and has room, or set RAG_TRACE_SAMPLING to 0",
                why,
            )
