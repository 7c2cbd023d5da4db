"""The parent's end of one worker process: starts it, asks it, and ends it when time is up.

Knows frames and processes. What is asked and answered is for those who use it; the process
limits itself (`extraction_worker`).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import rag_pipelines
from rag_pipelines.corpus.extraction_worker import REPLY, REQUEST
from rag_pipelines.corpus.fork_server import ForkedProcess

_START_SECONDS = 60.0
_TICK = 0.25
_LARGEST_REPLY = 256 << 20
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

Answer = dict[str, object]
_Act = Callable[[], Answer | None]


@dataclass(frozen=True, slots=True)
class Loss:
    """A process that ended without an answer: whether time was up, and its exit status if not."""

    timed_out: bool
    status: int = 0
    started: bool = True


Child = subprocess.Popen[bytes] | ForkedProcess


def started(
    module: str, *arguments: object, stdin: int = subprocess.PIPE, stdout: int = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    """A process of `python -m module`, told its parent's id and then `arguments`.

    It leads a process group, so that whatever it starts ends with it.
    """
    command = [sys.executable, "-m", module, str(os.getpid()), *map(str, arguments)]
    return subprocess.Popen(
        command, stdin=stdin, stdout=stdout, env=_environment(), process_group=0
    )


class Watchdog:
    """Calls `expire` where an act takes too long, a quarter of a second late at most.

    One thread looks at the clock, so that watching an act costs nothing.
    """

    def __init__(self, expire: Callable[[], None]) -> None:
        self._expire = expire
        self._lock = threading.Lock()
        self._watched: tuple[float, threading.Event] | None = None
        self._stopped: threading.Event | None = None

    @contextlib.contextmanager
    def within(self, seconds: float) -> Generator[threading.Event]:
        """Watch one act; the event says whether its time was up."""
        expired = threading.Event()
        with self._lock:
            self._watched = (time.monotonic() + seconds, expired)
            if self._stopped is None:
                self._stopped = threading.Event()
                threading.Thread(target=self._look, args=(self._stopped,), daemon=True).start()
        try:
            yield expired
        finally:
            with self._lock:
                self._watched = None

    def stop(self) -> None:
        """End the thread; the next act starts another."""
        with self._lock:
            if self._stopped is not None:
                self._stopped.set()
                self._stopped = None

    def _look(self, stopped: threading.Event) -> None:
        while not stopped.wait(_TICK):
            with self._lock:
                if self._watched is not None and time.monotonic() > self._watched[0]:
                    self._watched[1].set()
                    self._expire()


class LimitedProcess:
    """One process that `launch` starts, the leader of a process group.

    It is asked one thing at a time; a dead one is replaced at the next question.
    """

    def __init__(self, launch: Callable[[], Child]) -> None:
        self._launch = launch
        self._process: Child | None = None
        self._watch = Watchdog(self.kill)

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
            self._process = self._launch()
            answer, _ = self._within(_START_SECONDS, self._read)
            return answer == {"ready": True}
        return False

    def ask(self, header: Answer, body: bytes, seconds: float) -> Answer | Loss:
        """The answer, where there is one within `seconds` of wall time. Never raises."""
        if not self.start():
            self.close()
            return Loss(timed_out=False, started=False)
        answer, in_time = self._within(seconds, lambda: self._exchange(header, body))
        if answer is None:
            return self._lost(in_time)
        if answer.get("failed") == "memory":
            self.close()  # it ends itself, and must not be asked on its way out
        return answer

    def kill(self) -> None:
        """End the process and what it started, at once. May be called from any thread."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process and wait for it."""
        self._watch.stop()
        if self._process is None:
            return
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()
        self._process = None

    def _within(self, seconds: float, act: _Act) -> tuple[Answer | None, bool]:
        """What the act answers, and whether the process was left alive for it."""
        with self._watch.within(seconds) as expired:
            try:
                return act(), not expired.is_set()
            except (OSError, ValueError):
                return None, not expired.is_set()

    def _exchange(self, header: Answer, body: bytes) -> Answer | None:
        encoded = json.dumps(header).encode()
        pipe = self._pipe("stdin")
        pipe.write(REQUEST.pack(len(encoded), len(body)) + encoded)
        pipe.write(body)
        pipe.flush()
        return self._read()

    def _read(self) -> Answer | None:
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

    def _lost(self, in_time: bool) -> Loss:
        process = self._process
        status = 0 if process is None else _status(process)
        self.close()
        return Loss(timed_out=not in_time or status == -signal.SIGXCPU, status=status)


def _status(process: Child) -> int:
    """How the process ended; one that only closed its output is ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(1)
    process.kill()
    return process.wait()


def _environment() -> dict[str, str]:
    """One thread for every library, and this package where the parent found it."""
    root = str(Path(rag_pipelines.__file__).parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(paths)}
