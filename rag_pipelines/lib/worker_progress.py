"""Progress that a worker tells through Dagster Pipes, heard as it goes on.

Dagster's own reader keeps custom messages until the process has ended. Does not know what is done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import dagster as dg
from dagster_pipes import PipesMessage, PipesParams

from rag_pipelines.models.worker import PROGRESS
from rag_pipelines.records import Progress


class ProgressReader(dg.PipesTempFileMessageReader):
    """Reads a worker's messages, and tells those of its progress at once, from another thread."""

    def __init__(self, tell: Progress) -> None:
        super().__init__()
        self._tell = tell

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[PipesParams]:
        heard = cast(dg.PipesMessageHandler, _Heard(handler, self._tell))
        with super().read_messages(heard) as params:
            yield params


class _Heard:
    """Stands before Dagster's handler: progress is told, all else goes on to it."""

    def __init__(self, handler: dg.PipesMessageHandler, tell: Progress) -> None:
        self._handler, self._tell = handler, tell

    def handle_message(self, message: PipesMessage) -> None:
        said = (message["params"] or {}).get("payload")
        if isinstance(said, dict) and PROGRESS in said:
            stage, done, total = said[PROGRESS]
            self._tell(stage, done, total)
        else:
            self._handler.handle_message(message)

    def report_pipes_framework_exception(self, origin: str, exc_info: Any) -> None:
        self._handler.report_pipes_framework_exception(origin, exc_info)
