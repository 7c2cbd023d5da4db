"""The crawling process seen from outside: started, told its job, listened to, ended.

Bodies go to the blob store as they come, on a thread of their own, so that the crawl never waits
for whoever reads the messages.
"""

import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from rag_pipelines.corpus.crawl_frames import Job, Message, read_frames
from rag_pipelines.storage.blobs import Blobs

_GRACE = 120.0
"""Seconds beyond the crawl's own time before the process is ended."""


class SpiderProcess:
    """A crawl under way; iterate to have its messages, the bodies already stored."""

    def __init__(self, job: Job, blobs: Blobs) -> None:
        self._job, self._blobs = job, blobs
        self._messages: queue.SimpleQueue[Message | BaseException | None] = queue.SimpleQueue()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed on exit
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rag_pipelines.corpus.spider"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        limit = job.site.max_seconds + _GRACE
        self._watchdog = threading.Timer(limit, self._process.kill)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._watchdog.daemon = True
        self._watchdog.start()
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watchdog.cancel()
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def __iter__(self) -> Iterator[Message]:
        while (message := self._messages.get()) is not None:
            if isinstance(message, BaseException):
                raise message
            yield message

    def problem(self) -> str:
        """Why the process ended badly; empty where it ended well. Ask when messages have ended."""
        if self._process.wait() == 0:
            return ""
        self._errors.seek(0)
        said = self._errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return f"the crawling process ended with {self._process.returncode}: {' '.join(said[-1:])}"

    def _read(self) -> None:
        try:
            told, heard = self._process.stdin, self._process.stdout
            assert told is not None  # noqa: S101
            assert heard is not None  # noqa: S101
            self._job.write(told)
            for message, body in read_frames(heard):
                if body:
                    self._blobs.put(body)
                self._messages.put(message)
        except BrokenPipeError:
            pass  # the process is gone before its job was read; `problem` says why
        except Exception as error:
            self._messages.put(error)
        finally:
            self._messages.put(None)
