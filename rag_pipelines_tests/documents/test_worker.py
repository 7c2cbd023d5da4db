"""A task that fills, hangs or ends its process is one failure, and the next file is read."""

import errno
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rag_pipelines.documents.worker import DocumentFailure, DocumentWorker
from rag_pipelines_tests.documents import tasks

TASKS = tasks.__name__


@pytest.fixture(scope="module")
def worker() -> Iterator[DocumentWorker]:
    with DocumentWorker(memory_bytes=1 << 30, cpu_seconds=1, wall_seconds=4) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"seven b")
    return tmp_path / "file"


def reason(worker: DocumentWorker, task: str, file: Path) -> str:
    with pytest.raises(DocumentFailure) as raised:
        worker.run(f"{TASKS}:{task}", file)
    return raised.value.reason


def test_one_process_serves_file_after_file(worker: DocumentWorker, file: Path):
    answers = [worker.run(f"{TASKS}:size", file, times=times) for times in (1, 2)]
    assert [answer["bytes"] for answer in answers] == [7, 14]
    assert answers[0]["pid"] == answers[1]["pid"] != os.getpid()


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("hungry", "memory"),
        ("busy", "timeout"),
        ("asleep", "timeout"),
        ("abort", "crashed"),
        ("killed", "error"),
        ("refuse", "encrypted"),
        ("absent", "error"),
    ],
)
def test_each_end_has_a_reason_and_the_next_file_is_read(
    worker: DocumentWorker, file: Path, task: str, expected: str
):
    assert reason(worker, task, file) == expected
    assert worker.run(f"{TASKS}:size", file)["bytes"] == 7


def test_a_full_disk_is_no_fault_of_the_file(worker: DocumentWorker, file: Path):
    with pytest.raises(OSError, match="No space left") as raised:
        worker.run(f"{TASKS}:full_disk", file)
    assert raised.value.errno == errno.ENOSPC


def test_what_a_library_prints_and_broken_unicode_do_no_harm(worker: DocumentWorker, file: Path):
    assert worker.run(f"{TASKS}:chatty", file) == "? kept"


def test_tasks_of_many_threads_and_the_end_of_a_thread(worker: DocumentWorker, file: Path):
    """The kernel ends a process with the thread that started it; here that is the worker's own."""
    for _ in range(2):
        with ThreadPoolExecutor(4) as threads:
            found = list(
                threads.map(lambda n: worker.run(f"{TASKS}:size", file, times=n), range(8))
            )
        assert [answer["bytes"] for answer in found] == [7 * n for n in range(8)]
        assert len({answer["pid"] for answer in found}) == 1


def test_programs_that_a_parser_starts_end_with_it(worker: DocumentWorker, tmp_path: Path):
    told = tmp_path / "pid"
    assert reason(worker, "child", told) == "timeout"
    deadline = time.monotonic() + 20
    while alive(int(told.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_leaving_ends_the_process(file: Path):
    with DocumentWorker() as worker:
        pid = worker.run(f"{TASKS}:size", file)["pid"]
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
