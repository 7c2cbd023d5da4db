"""A worker process that extracts pages, one at a time."""

from dataclasses import dataclass
from typing import cast

from rag_pipelines.corpus.extract import Extracted
from rag_pipelines.corpus.limited_process import LimitedProcess, Loss


@dataclass(frozen=True, slots=True)
class ExtractFailure:
    """Why a page could not be read. `reason` is `timeout`, `memory`, `crashed` or `error`."""

    reason: str
    detail: str


class WorkerProcess:
    """One process that extracts one page at a time; a dead one is replaced at the next page."""

    def __init__(self, memory_bytes: int, seconds: int) -> None:
        self._seconds = seconds
        self._process = LimitedProcess(
            "rag_pipelines.corpus.extraction_worker", (memory_bytes, seconds)
        )
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
