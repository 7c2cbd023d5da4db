"""A process that loads its libraries once and forks a worker whenever one is wanted.

Both ends: `ForkServer` asks, `serve_forks` answers. Knows pipes and processes; what a worker does
is for those who use it.
"""

import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import traceback
from collections.abc import Callable
from typing import BinaryIO, NoReturn

_REQUEST = struct.Struct(">I")
"""Id of the process that is asked about; 0 asks for a new one, on the two pipes that come along."""
_REPLY = struct.Struct(">i")
"""Id of the new process, or how the old one ended."""
_ALIVE = 1 << 30
_POLL_SECONDS = 0.01


class ForkServer:
    """The asking end. The workers are children of `server`, and end with it."""

    def __init__(self, server: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._server, self._control = server, control
        self._turn = threading.Lock()

    def fork(self) -> "ForkedProcess":
        """A new worker. Waits until the libraries are loaded; raises `OSError` where none comes."""
        to_read, stdin = os.pipe()
        stdout, to_write = os.pipe()
        try:
            pid = self._ask(0, (to_read, to_write))
        except OSError:
            os.close(stdin)
            os.close(stdout)
            raise
        finally:
            os.close(to_read)
            os.close(to_write)
        return ForkedProcess(self, pid, os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"))

    def status(self, pid: int) -> int | None:
        """How this worker ended, as `Popen.returncode` tells it; None while it lives."""
        try:
            status = self._ask(pid)
        except OSError:
            return -signal.SIGKILL  # its parent is gone, and it went along
        return None if status == _ALIVE else status

    def close(self) -> None:
        """End the server and all workers."""
        self._server.kill()
        self._server.wait()
        self._control.close()

    def _ask(self, number: int, pipes: tuple[int, ...] = ()) -> int:
        with self._turn:
            socket.send_fds(self._control, [_REQUEST.pack(number)], pipes)
            answer = self._control.recv(_REPLY.size, socket.MSG_WAITALL)
        if len(answer) < _REPLY.size:
            raise ConnectionResetError("the process that forks workers has ended")
        return int(_REPLY.unpack(answer)[0])


class ForkedProcess:
    """A worker: what is needed here of `subprocess.Popen`, for a process that is no child."""

    def __init__(self, server: ForkServer, pid: int, stdin: BinaryIO, stdout: BinaryIO) -> None:
        self._server, self.pid = server, pid
        self.stdin, self.stdout = stdin, stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended; None while it lives."""
        if self.returncode is None and self._silent():
            self.returncode = self._server.status(self.pid)
        return self.returncode

    def _silent(self) -> bool:
        """Whether its output may have ended, as a process's does when it ends."""
        return self.stdout.closed or bool(select.select([self.stdout], [], [], 0)[0])

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended. Raises `subprocess.TimeoutExpired`."""
        until = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout or 0)
            time.sleep(_POLL_SECONDS)
        return status

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


def serve_forks(control: socket.socket, work: Callable[[BinaryIO, BinaryIO], None]) -> None:
    """The answering end, until the asking end is gone.

    Each worker calls `work` with its input and output, in a process group of its own.
    """
    while True:
        request, pipes, _, _ = socket.recv_fds(control, _REQUEST.size, 2, socket.MSG_WAITALL)
        if len(request) < _REQUEST.size:
            return
        asked = _REQUEST.unpack(request)[0]
        answer = _status(asked) if asked else _forked(control, pipes, work)
        control.sendall(_REPLY.pack(answer))


def _status(pid: int) -> int:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else _ALIVE


def _forked(
    control: socket.socket, pipes: list[int], work: Callable[[BinaryIO, BinaryIO], None]
) -> int:
    pid = os.fork()
    if pid == 0:
        _work(control, pipes, work)
    for pipe in pipes:
        os.close(pipe)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)  # here and there, so that it holds whoever comes first
    return pid


def _work(
    control: socket.socket, pipes: list[int], work: Callable[[BinaryIO, BinaryIO], None]
) -> NoReturn:
    status = 1
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        control.close()
        work(os.fdopen(pipes[0], "rb"), os.fdopen(pipes[1], "wb"))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
