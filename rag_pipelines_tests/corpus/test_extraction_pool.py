"""Pages that kill, fill or hang their worker cost one failure each, and nobody is orphaned."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.corpus.extract import Extracted, extract
from rag_pipelines.corpus.extraction_pool import ExtractFailure, ExtractionPool

PROSE = "The warranty of every lamp lasts three years from the day on which it was delivered. " * 4
GOOD = f"<html><head><title>Lamps</title></head><body><p>{PROSE}</p></body></html>".encode()
HUNGRY = b"<p><b>x" * 4_000_000
SLOW = b"<p>word</p>" * 3_000_000


@pytest.fixture(scope="module")
def pool() -> Iterator[ExtractionPool]:
    with ExtractionPool(workers=2, memory_bytes=600 << 20, seconds=20) as opened:
        yield opened


def test_results_are_those_of_extract(pool: ExtractionPool) -> None:
    for number in range(50):
        pool.submit(f"{number}", GOOD, "http://h/lamps", "utf-8")
    results = dict(pool.drain())
    assert set(results) == {f"{number}" for number in range(50)}
    assert set(results.values()) == {extract(GOOD, "http://h/lamps", "utf-8")}


def test_a_page_that_needs_too_much_memory_is_one_failure(pool: ExtractionPool) -> None:
    for key, body in (("a", GOOD), ("hungry", HUNGRY), ("b", GOOD), ("c", GOOD)):
        pool.submit(key, body)
    results = dict(pool.drain())
    failure = results.pop("hungry")
    assert isinstance(failure, ExtractFailure)
    assert failure.reason == "memory"
    assert all(isinstance(result, Extracted) for result in results.values())


def test_a_page_that_takes_too_long_is_one_failure() -> None:
    with ExtractionPool(workers=1, memory_bytes=4 << 30, seconds=4) as pool:
        for key, body in (("a", GOOD), ("slow", SLOW), ("b", GOOD)):
            pool.submit(key, body)
        results = dict(pool.drain())
    assert results["slow"] == ExtractFailure("timeout", "the page took longer than 4 s to read")
    assert isinstance(results["a"], Extracted)
    assert isinstance(results["b"], Extracted)


def test_a_worker_killed_from_outside_is_replaced(pool: ExtractionPool) -> None:
    for worker in pool_pids(pool):
        os.kill(worker, 9)
    for number in range(6):
        pool.submit(f"{number}", GOOD)
    results = dict(pool.drain())
    assert len(results) == 6
    assert sum(isinstance(result, Extracted) for result in results.values()) >= 4


def test_a_page_of_a_hundred_megabytes_does_no_harm(pool: ExtractionPool) -> None:
    pool.submit("huge", GOOD + b"<p>" + b"word " * 20_000_000)
    pool.submit("next", GOOD)
    results = dict(pool.drain())
    assert isinstance(results["next"], Extracted)
    assert set(results) == {"huge", "next"}


def test_finished_never_waits(pool: ExtractionPool) -> None:
    assert list(pool.finished()) == []
    pool.submit("a", GOOD)
    early = dict(pool.finished())
    assert set(early) | {key for key, _ in pool.drain()} == {"a"}
    assert list(pool.drain()) == []


def test_leaving_early_ends_the_workers() -> None:
    with ExtractionPool(workers=2, waiting=4) as pool:
        for number in range(4):
            pool.submit(f"{number}", SLOW)
        deadline = time.monotonic() + 20
        while len(started := pool_pids(pool)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert not [pid for pid in started if alive(pid)]


def test_a_closed_pool_takes_no_pages() -> None:
    pool = ExtractionPool(workers=1)
    with pytest.raises(RuntimeError, match="not open"):
        pool.submit("a", GOOD)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from rag_pipelines.corpus.extraction_pool import ExtractionPool\n"
        "with ExtractionPool(workers=2) as pool:\n"
        "    pool.submit('a', b'<p>text of it</p>')\n"
        "    print(len(list(pool.drain())), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"1\n"
        workers = children_of(parent.pid)
        parent.kill()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert workers


def pool_pids(pool: ExtractionPool) -> set[int]:
    """Worker processes of this pool: the fixture's live beside them."""
    return {pid for worker in pool.workers if (pid := worker.pid) is not None}


def children_of(pid: int) -> set[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
