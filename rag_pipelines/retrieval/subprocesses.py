"""Python modules run as processes of their own: native code may crash there, and memory comes back.

A module answers in JSON objects, one a line, on standard output. Does not know what they say.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Thread, Timer
from typing import IO, Any

_TAIL = 2000

Message = Mapping[str, Any]


def run_module(
    module: str,
    arguments: Sequence[str],
    on_message: Callable[[Message], None],
    timeout_seconds: float,
    pass_fds: Sequence[int] = (),
    secretly: Message | None = None,
) -> str | None:
    """Run a module to its end, telling each object it prints; returns what went wrong, or None.

    `secretly` goes to its standard input (see `told_secretly`): what stands among the arguments
    can be read by every process. The module's process ends when this one does, and is killed at
    the time limit or when `on_message` raises.
    """
    with TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=pass_fds,
        )
        timer = Timer(timeout_seconds, process.kill)
        timer.start()
        try:
            if secretly is not None:
                _whisper(process, secretly)
            _tell(process, on_message)
        finally:
            expired = not timer.is_alive()
            timer.cancel()
            _end(process)
        if expired:
            return f"it was not done within {timeout_seconds:g} s"
        return _failure(process.returncode, errors)


def _whisper(process: subprocess.Popen[bytes], message: Message) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe, as asked for above
    with suppress(BrokenPipeError):  # it died already: its status tells
        process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()


def _tell(process: subprocess.Popen[bytes], on_message: Callable[[Message], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe, as asked for above
    for line in process.stdout:
        if line.startswith(b"{"):  # anything else is a library's chatter
            on_message(json.loads(line))
    process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _failure(returncode: int, errors: IO[bytes]) -> str | None:
    if returncode == 0:
        return None
    if returncode < 0:
        return f"it was killed by {signal.Signals(-returncode).name}"
    errors.seek(0, os.SEEK_END)
    errors.seek(max(0, errors.tell() - _TAIL))
    text = errors.read().decode(errors="replace").strip()
    return text.splitlines()[-1] if text else f"it ended with status {returncode}"


def tell(message: Message) -> None:
    """Print an object to the process that started this one."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def told_secretly() -> Any:
    """What the process that started this one told it as `secretly`; before `end_with_parent`."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return json.loads(line)


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""

    def wait() -> None:
        # Not sys.stdin: a thread that waits there aborts the interpreter when it shuts down.
        while os.read(0, 1):
            pass
        os._exit(1)

    Thread(target=wait, daemon=True).start()
