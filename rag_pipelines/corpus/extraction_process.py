"""The parent's end of one worker process: starts it, asks it, and ends it when time is up."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import rag_pipelines
from rag_pipelines.corpus.extract import Extracted
from rag_pipelines.corpus.extraction_worker import REPLY, REQUEST

_START_SECONDS = 60.0
_LARGEST_REPLY = 256 << 20
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

_Answer = dict[str, object]
_Act = Callable[[], _Answer | None]


@dataclass(frozen=True, slots=True)
class ExtractFailure:
    """Why a page could not be read. `reason` is `timeout`, `memory`, `crashed` or `error`."""

    reason: str
    detail: str


class WorkerProcess:
    """One process that extracts one page at a time; a dead one is replaced at the next page."""

    def __init__(self, memory_bytes: int, seconds: int) -> None:
        self._memory_bytes = memory_bytes
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, where one runs."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> bool:
        """Have a process that is ready; false where none comes up."""
        if self._process is not None and self._process.poll() is None:
            return True
        self.close()
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                self._command(), stdin=-1, stdout=-1, env=_environment()
            )
            answer, _ = self._within(_START_SECONDS, self._read)
            return answer == {"ready": True}
        return False

    def extract(self, body: bytes, url: str, charset: str | None) -> Extracted | ExtractFailure:
        """The page as it reads, or why there is none. Never raises for what a page does."""
        if not self.start():
            self.close()
            return ExtractFailure(
                "crashed", "the extraction worker did not start; see standard error"
            )
        answer, in_time = self._within(self._seconds, lambda: self._ask(body, url, charset))
        if answer is not None and "failed" not in answer:
            return Extracted(**cast("dict[str, str]", answer))
        if answer is not None:
            return ExtractFailure(str(answer["failed"]), str(answer["detail"]))
        return self._lost(in_time)

    def kill(self) -> None:
        """End the process at once. May be called from any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process and wait for it."""
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()
        self._process = None

    def _command(self) -> list[str]:
        module = "rag_pipelines.corpus.extraction_worker"
        return [
            sys.executable,
            "-m",
            module,
            str(os.getpid()),
            str(self._memory_bytes),
            str(self._seconds),
        ]

    def _within(self, seconds: float, act: _Act) -> tuple[_Answer | None, bool]:
        """What the act answers, and whether the process was left alive for it."""
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.kill()

        watch = threading.Timer(seconds, expire)
        watch.daemon = True
        watch.start()
        try:
            return act(), not expired.is_set()
        except (OSError, ValueError):
            return None, not expired.is_set()
        finally:
            watch.cancel()

    def _ask(self, body: bytes, url: str, charset: str | None) -> _Answer | None:
        header = json.dumps({"url": url, "charset": charset}).encode()
        pipe = self._pipe("stdin")
        pipe.write(REQUEST.pack(len(header), len(body)) + header)
        pipe.write(body)
        pipe.flush()
        return self._read()

    def _read(self) -> _Answer | None:
        pipe = self._pipe("stdout")
        prefix = pipe.read(REPLY.size)
        if len(prefix) < REPLY.size:
            return None
        length = REPLY.unpack(prefix)[0]
        if length > _LARGEST_REPLY:
            self.kill()
            return None
        return json.loads(pipe.read(length))

    def _pipe(self, name: str) -> BinaryIO:
        return cast("BinaryIO", getattr(self._process, name))

    def _lost(self, in_time: bool) -> ExtractFailure:
        process = self._process
        self.kill()
        code = 0 if process is None else process.wait()
        self.close()
        if not in_time or code == -signal.SIGXCPU:
            return ExtractFailure("timeout", f"the page took longer than {self._seconds} s to read")
        return ExtractFailure("crashed", f"the extraction worker ended with status {code}")


def _environment() -> dict[str, str]:
    """One thread for every library, and this package where the parent found it."""
    root = str(Path(rag_pipelines.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
