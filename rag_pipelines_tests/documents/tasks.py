"""What a parser may do in a worker, called there by name."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rag_pipelines.documents.failures import DocumentFailure


def size(path: Path, times: int = 1) -> dict[str, object]:
    return {"bytes": path.stat().st_size * times, "pid": os.getpid()}


def hungry(path: Path) -> int:
    return len(bytearray(8 << 30))


def busy(path: Path) -> None:
    while True:
        pass


def asleep(path: Path) -> None:
    time.sleep(120)


def abort(path: Path) -> None:
    os.abort()


def killed(path: Path) -> None:
    """As a machine that runs out of memory ends a process."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(path: Path) -> None:
    raise DocumentFailure("encrypted", "a password is needed")


def full_disk(path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def chatty(path: Path) -> str:
    print("a library that prints")
    return "\udcff kept"


def child(path: Path) -> None:
    """Start a program, as unstructured starts pandoc, and never come back."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"]) as program:
        path.write_text(str(program.pid))
        program.wait()
