"""Programs that are run together stop together, whichever way the end comes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

TOGETHER = r"""
import sys
from rag_pipelines.cli.processes import Service, run_together
sleeper = "import subprocess, sys; subprocess.run([sys.executable, '-c', {!r}])"
child = "import os, time; os.write(1, b'here\\n'); time.sleep(600)"  # both write at once, and whole
programs = [sleeper.format(child), child, *sys.argv[1:]]
services = [Service(f"s{i}", [sys.executable, "-c", p]) for i, p in enumerate(programs)]
sys.exit(run_together(services))
"""
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def together(
    *programs: str, ignored: tuple[signal.Signals, ...] = ()
) -> Iterator[subprocess.Popen]:
    """Two programs, one of which has a child, and `programs`; yields once those two are here."""
    process = subprocess.Popen(
        [sys.executable, "-c", TOGETHER, *programs],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: [
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
            for number in STOPPING  # whatever the tests themselves were started under
        ],
    )
    assert process.stdout is not None
    try:
        for _ in range(2):
            assert process.stdout.readline() == b"here\n"
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def children_of(process: subprocess.Popen) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def left_of(children: list[psutil.Process]) -> list[int]:
    _, left = psutil.wait_procs(children, timeout=10)
    for one in left:
        os.kill(one.pid, signal.SIGKILL)
    return [one.pid for one in left]


@pytest.mark.parametrize("number", STOPPING)
def test_one_signal_stops_all_and_their_children(number: signal.Signals):
    with together() as process:
        children = children_of(process)
        assert len(children) == 3
        process.send_signal(number)
        assert process.wait(30) == 0
        assert left_of(children) == []


def test_what_a_script_started_in_its_background_is_stopped_as_well():
    with together(ignored=(signal.SIGINT, signal.SIGTERM)) as process:
        children = children_of(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert left_of(children) == []


def test_one_that_ends_by_itself_is_named_and_stops_the_others():
    with together("import sys; sys.stdin.read()") as process:
        children = children_of(process)
        _, told = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "s2 ended by itself" in told.decode()
        assert left_of(children) == []


def test_under_nohup_a_closed_terminal_stops_nothing():
    with together(ignored=(signal.SIGHUP,)) as process:
        children = children_of(process)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert left_of(children) == []
