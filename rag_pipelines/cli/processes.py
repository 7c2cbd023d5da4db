"""Several services as one: started in process groups of their own, stopped together.

A program that is started in the background of a script inherits ignored signals, and then can't
be stopped; so each gets the default ones back, and the whole group is signalled.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from rag_pipelines.cli.output import remarks
from rag_pipelines.errors import UserError

_GRACE_SECONDS = 20.0
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Service:
    """A program to keep running.

    `variable` is the setting that moves its port; `environment` adds to this process's own, and is
    shown nowhere.
    """

    name: str
    command: list[str]
    host: str = ""
    port: int = 0
    variable: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}" if self.port else ""


def require_free(services: Sequence[Service]) -> None:
    """Raise `UserError` that names every port that is taken, and the setting that moves it."""
    listening = [service for service in services if service.port]
    ports = [service.port for service in listening]
    told = [
        f"port {s.port} for {s.name} is taken; stop what listens there, or set {s.variable} to "
        "another port."
        for s in listening
        if _answers(s.host, s.port)
    ] + [
        f"port {s.port} is meant for {s.name} too; set {s.variable} to another port."
        for i, s in enumerate(listening)
        if s.port in ports[:i]
    ]
    if told:
        raise UserError("\n     ".join(told))


def run_together(services: Sequence[Service]) -> int:
    """Run until a signal or until one of them ends; 0 where a person stopped them."""
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)

    for number in _STOPPING:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    running = [(service, _start(service)) for service in services]
    try:
        while not stopped and all(process.poll() is None for _, process in running):
            time.sleep(0.2)
        ended = [s.name for s, process in running if process.poll() is not None]
    finally:
        _stop_all([process for _, process in running])
    if not stopped:
        remarks.print(f"rag: {' and '.join(ended)} ended by itself; the others were stopped.")
    return 0 if stopped else 1


def _start(service: Service) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        service.command,
        env=os.environ | service.environment,
        start_new_session=True,
        preexec_fn=_default_signals,
    )


def _default_signals() -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_DFL)


def _stop_all(processes: "Sequence[subprocess.Popen[bytes]]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))


def _answers(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return True
    return False
