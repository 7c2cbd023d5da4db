"""A command run in a fresh process, and what its whole tree cost.

Knows processor time, wall time and memory of processes. Does not know what they compute.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

_EVERY_SECONDS = 0.2
_OURS = ("RAG_", "DAGSTER_", "MLFLOW_")
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "TOKENIZERS_PARALLELISM": "false",
    "USER_AGENT": "benchmark",
    "PYTHONWARNINGS": "ignore",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree cost: `peak_bytes` is the largest sum of resident sizes seen.

    `programs` tells roughly, from samples, which program of the tree used how many CPU seconds.
    """

    status: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    programs: dict[str, float]


@dataclass
class Watch:
    """Samples a process tree until told to stop."""

    pid: int
    peak_bytes: int = 0
    _cpu: dict[tuple[int, float], float] = field(default_factory=dict)
    _names: dict[tuple[int, float], str] = field(default_factory=dict)
    _stop: Event = field(default_factory=Event)

    @property
    def cpu_seconds(self) -> float:
        """What each process was last seen to have used: a little less than the truth."""
        return sum(self._cpu.values())

    @property
    def programs(self) -> dict[str, float]:
        """The same by program, most first."""
        total: dict[str, float] = {}
        for process, seconds in self._cpu.items():
            name = self._names[process]
            total[name] = round(total.get(name, 0.0) + seconds, 1)
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def start(self) -> Thread:
        thread = Thread(target=self._run, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, self.sample())
            if self._stop.wait(_EVERY_SECONDS):
                return

    def sample(self) -> int:
        """Resident bytes of the tree right now."""
        try:
            root = psutil.Process(self.pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error:
            return 0
        return sum(map(self._one, tree))

    def _one(self, process: psutil.Process) -> int:
        try:
            with process.oneshot():
                key, times = (process.pid, process.create_time()), process.cpu_times()
                self._names[key] = _program(process.cmdline()) or process.name()
                self._cpu[key] = times.user + times.system
                return process.memory_info().rss
        except psutil.Error:
            return 0


def _program(command: Sequence[str]) -> str:
    """The module that Python runs; empty for anything else."""
    return command[command.index("-m") + 1] if "-m" in command[:-1] else ""


def environment(**given: str) -> dict[str, str]:
    """This process's environment without the project's own variables, offline and quiet."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith(_OURS)}
    return inherited | _QUIET | given


def run(command: Sequence[str], env: Mapping[str, str], cwd: Path) -> tuple[Usage, str]:
    """Run a command to its end; what it cost, and its standard output.

    Processor time is what the kernel counted for the process and for every descendant that was
    waited for, or what was sampled of the tree where that is more: nobody waits for an orphan.
    """
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        process = subprocess.Popen(list(command), env=dict(env), cwd=cwd, stdout=output)
        watch = Watch(process.pid)
        thread = watch.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        finally:
            watch.stop()
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        thread.join()
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    cpu = max(used.ru_utime + used.ru_stime, watch.cpu_seconds)
    peak = max(watch.peak_bytes, used.ru_maxrss * 1024)
    usage = Usage(process.returncode, round(seconds, 2), round(cpu, 2), peak, watch.programs)
    return usage, text
