"""Small programs that the tests start as processes of their own, and kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_HEAD = """
import os, signal, sys, threading, time
from pathlib import Path
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.retrieval.corpus import *
releases = Releases(Path(sys.argv[1]), keep=1)

def die():
    os.killpg(0, signal.SIGKILL)  # this process and whatever it started
"""


def start(program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start a program that has `releases` of the folder named by the first argument."""
    return subprocess.Popen(
        [sys.executable, "-c", _HEAD + program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def run_until_killed(program: str, *arguments: str | Path) -> None:
    """Run a program that kills itself; fails where it comes to an end of its own."""
    process = start(program, *arguments)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()


@contextmanager
def running(program: str, *arguments: str | Path) -> Generator[subprocess.Popen[bytes]]:
    """Run a program until the block ends, once it has printed a line; killed with -9 then."""
    process = start(program, *arguments)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), process.communicate()[1].decode()
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
