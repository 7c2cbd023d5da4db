"""Locks between processes. The kernel lets go of them however their holder dies.

Knows `flock` and who holds a lock. Does not know what a lock protects.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rag_pipelines.errors import ReleaseLocked

_POLL_SECONDS = 0.02


@contextmanager
def locked(path: Path, purpose: str, wait_seconds: float = 0.0) -> Generator[int]:
    """Hold the lock file at `path` and yield its descriptor.

    A child process that inherits the descriptor keeps the lock as long as it lives. Raises
    `ReleaseLocked`, naming the holder, when the lock is not free within `wait_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, path, wait_seconds)
        _sign(descriptor, purpose)
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file if nobody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _acquire(descriptor: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while not try_lock(descriptor):
        if time.monotonic() >= deadline:
            raise ReleaseLocked(
                f"{path} is held by {_holder(descriptor)}. Only one process may write at a time: "
                "wait until it is done, or end it (its lock goes with it)."
            )
        time.sleep(_POLL_SECONDS)


def _sign(descriptor: int, purpose: str) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "purpose": purpose}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {holder['pid']} on {holder['host']} ({holder['purpose']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
