"""kill -9 of a run's worker, of the code server and of the daemon: nothing runs twice or hangs.

The daemon is the real one, with the project's `dagster.yaml`; only its waits are shortened.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import dagster as dg
import psutil
import pytest
import yaml

from rag_pipelines.lib.instance import dagster_file
from rag_pipelines.lib.reconcile import WANTED

pytestmark = pytest.mark.slow

LOCATION = Path(__file__).with_name("daemon_location.py")
ROOT = Path(__file__).parents[2]
WAITS = {
    "start_timeout_seconds": 60,
    "max_runtime_seconds": 15,
    "poll_interval_seconds": 1,
    "free_slots_after_run_end_seconds": 1,
}
PATIENCE_SECONDS = 150.0
FAILED, SUCCEEDED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
Found = TypeVar("Found")
RUN_KEY, PARENT = "dagster/run_key", "dagster/parent_run_id"


class Daemon:
    """`dagster-daemon` over the tiny location, in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.home, self.faults = folder / "dagster", folder / "faults"
        self.home.mkdir()
        self.faults.mkdir()
        config = yaml.safe_load(dagster_file("dagster.yaml").read_text())
        config["run_monitoring"] |= WAITS
        (self.home / "dagster.yaml").write_text(yaml.safe_dump(config))
        location = {"relative_path": str(LOCATION), "location_name": "tiny"}
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(yaml.safe_dump({"load_from": [{"python_file": location}]}))
        self.log = (folder / "daemon.log").open("ab")
        self.groups: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w"]
        ours = {
            "DAGSTER_HOME": str(self.home),
            "FAULTS_DIR": str(self.faults),
            "PYTHONPATH": str(ROOT),
        }
        process = subprocess.Popen(
            [*command, str(self.workspace)],
            env=os.environ | ours,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.groups.append(process)

    def kill(self) -> None:
        """Kill the daemon alone; its code server and what that runs are left to themselves."""
        self.groups[-1].kill()
        self.groups[-1].wait()

    def kill_code_server(self) -> None:
        children = psutil.Process(self.groups[-1].pid).children()
        servers = [child for child in children if "grpc" in child.cmdline()]
        assert len(servers) == 1
        servers[0].kill()

    def want(self, state: str) -> None:
        (self.faults / "new").write_text(state)
        (self.faults / "new").rename(self.faults / "wanted")

    def done(self, state: str) -> bool:
        return (self.faults / f"done-{state}").exists()

    def worker(self, run: dg.DagsterRun) -> int:
        """Process id of a run's worker, once it is at work; 0 before."""
        file = self.faults / f"process-{run.run_id}"
        return int(file.read_text() or 0) if file.exists() else 0

    def close(self) -> None:
        for process in self.groups:
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    break
                time.sleep(1)
            process.wait()
        self.log.close()


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(daemon.home))
    try:
        yield daemon
    finally:
        daemon.close()


@pytest.fixture
def instance(daemon: Daemon) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as instance:
        yield instance


def until(look: Callable[[], Found], what: str) -> Found:
    """The first truthy value that `look` returns."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    pytest.fail(f"{what}: not within {PATIENCE_SECONDS} seconds")


def runs_of(instance: dg.DagsterInstance, wanted: str) -> list[dg.DagsterRun]:
    """Runs for a wanted state, oldest first."""
    records = instance.get_run_records(dg.RunsFilter(tags={WANTED: wanted}))
    return [record.dagster_run for record in reversed(records)]


def at_work(instance: dg.DagsterInstance, daemon: Daemon, wanted: str) -> int:
    """Process id of the worker on a wanted state, or 0."""
    return next((daemon.worker(run) for run in runs_of(instance, wanted)), 0)


def asked_twice(instance: dg.DagsterInstance) -> list[str]:
    """Run keys of more than one run, retries of a killed one apart."""
    runs = [record.dagster_run for record in instance.get_run_records()]
    keys = Counter(run.tags[RUN_KEY] for run in runs if PARENT not in run.tags)
    return [key for key, count in keys.items() if count > 1]


@pytest.mark.timeout(600)
def test_killed_workers_servers_and_daemons_leave_nothing_hanging_and_nothing_runs_twice(
    daemon: Daemon, instance: dg.DagsterInstance
):
    hang = daemon.faults / "hang"
    hang.touch()
    daemon.want("worker")
    daemon.start()
    worker = until(lambda: at_work(instance, daemon, "worker"), "a run is at work")
    os.kill(worker, signal.SIGKILL)
    hang.unlink()
    until(lambda: daemon.done("worker"), "the killed run is done by another")
    killed, retry = runs_of(instance, "worker")
    assert killed.status == FAILED, "after the longest run time"
    assert retry.tags[PARENT] == killed.run_id, "the pool's slot was free for it"

    daemon.kill_code_server()
    daemon.want("server")
    until(lambda: daemon.done("server"), "a sensor fires with another code server")

    hang.touch()
    daemon.want("daemon")
    until(lambda: at_work(instance, daemon, "daemon"), "another run is at work")
    daemon.kill()
    daemon.start()
    hang.unlink()
    until(lambda: daemon.done("daemon"), "the run outlives the daemon that started it")
    before = len(ticks(instance))
    until(lambda: len(ticks(instance)) > before, "the schedule fires under the next daemon")
    until(lambda: len(runs_of(instance, "daemon")) == 1, "one run")
    assert asked_twice(instance) == []
    until(lambda: not held(instance), "the pool is free at the end")


def ticks(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that the schedule asked for."""
    records = instance.get_run_records(
        dg.RunsFilter(tags={"dagster/schedule_name": "every_minute"})
    )
    return [record.dagster_run for record in records]


def held(instance: dg.DagsterInstance) -> bool:
    """Whether a run that has ended still holds the pool's slot."""
    info = instance.event_log_storage.get_concurrency_info("index_writer")
    under_way = {
        r.dagster_run.run_id for r in instance.get_run_records() if not r.dagster_run.is_finished
    }
    return bool(info.active_run_ids - under_way)
