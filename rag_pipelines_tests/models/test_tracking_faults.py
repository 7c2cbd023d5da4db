"""Rows F11 and F12 for the factory: an MLflow that is down, dies, hangs, is slow or full."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import httpx
import pytest

from rag_pipelines.errors import TrackingError, UserError
from rag_pipelines.models.registry import aliases
from rag_pipelines.models.run_tags import EXPERIMENT, MODEL
from rag_pipelines.models.tracked import compared
from rag_pipelines.storage.mlflow_store import mlflow_client, without_secrets
from rag_pipelines_tests.models.factory import MEASURED, Factory
from rag_pipelines_tests.small_disk import small_disk

START_SECONDS = 180.0


def states(uri: str) -> list[tuple[str, str]]:
    """Kind and status of every run of comparisons, whatever became of it."""
    client = mlflow_client(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    found = client.search_runs([experiment.experiment_id]) if experiment else []
    return sorted((run.data.tags["kind"], run.info.status) for run in found)


def nothing_is_registered(uri: str) -> bool:
    client = mlflow_client(uri)
    return not client.search_model_versions(f"name = '{MODEL}'") and aliases(client) == {}


def until(true: Callable[[], object], told: str) -> None:
    patience = time.monotonic() + START_SECONDS
    while not true():
        assert time.monotonic() < patience, told
        time.sleep(0.05)


def test_files_that_cannot_be_written_fail_the_comparison_and_register_nothing(factory: Factory):
    blocked = factory.root / "mlflow"
    blocked.write_text("in the way")
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_URI"):
        factory.record()
    assert states(factory.uri) == [("comparison", "FAILED"), ("variant", "FAILED")]
    assert nothing_is_registered(factory.uri)
    with pytest.raises(UserError, match="Nothing was compared"):
        compared(factory.uri)
    blocked.unlink()
    run = factory.record()
    assert compared(factory.uri).run_id == run
    assert ("comparison", "FINISHED") in states(factory.uri)


def test_an_mlflow_that_takes_too_long_is_given_up(factory: Factory):
    with pytest.raises(TrackingError, match="took longer than 0 s"):
        factory.record(patience=0.0)
    assert states(factory.uri) == [("comparison", "FAILED")]
    assert nothing_is_registered(factory.uri)


def test_a_full_disk_leaves_no_finished_comparison_and_mends(
    factory: Factory, tmp_path: Path, empty_database: Path
):
    """Row F11."""
    size = empty_database.stat().st_size
    with small_disk(tmp_path / "small", 2 * size + (2 << 20)) as disk:
        factory.uri = f"sqlite:///{disk.path}/mlflow.db"
        (disk.path / "mlflow.db").write_bytes(empty_database.read_bytes())
        factory.root = disk.path
        disk.fill(32 << 10)
        with pytest.raises(TrackingError, match="has room"):
            factory.record()
        disk.empty()
        with pytest.raises(UserError, match="Nothing was compared"):
            compared(factory.uri)
        assert nothing_is_registered(factory.uri)
        factory.record()
        assert compared(factory.uri).comparison == factory.compared()


@pytest.mark.parametrize(
    "uri",
    [
        "http://ann:canary%21@127.0.0.1:1",
        "sqlite:////dev/full",
        "postgresql://ann:canary%21@127.0.0.1:1/db?password=canary!",
        "nonsense://ann:canary!@127.0.0.1:1",
    ],
)
def test_an_mlflow_that_is_not_there_is_told_with_its_address_and_no_password(
    factory: Factory, uri: str
):
    """Row F12."""
    for ask in (factory.record, lambda: compared(uri)):
        factory.uri = uri
        with pytest.raises(TrackingError) as told:
            ask()
        assert without_secrets(uri) in str(told.value)
        assert "MLFLOW_TRACKING_URI" in str(told.value)
        assert "canary" not in str(told.value)


def test_an_mlflow_that_hangs_is_given_up(factory: Factory, monkeypatch: pytest.MonkeyPatch):
    """Row F12. An operator's own bound goes before ours, which would make this test slow."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        factory.uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TrackingError, match="Recording the comparison failed"):
            factory.record()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("sqlite:////var/a b/mlflow.db", "sqlite:////var/a b/mlflow.db"),
        ("http://127.0.0.1:5000/sub", "http://127.0.0.1:5000/sub"),
        ("https://u:p%40ss@host:5000/x?token=t#f", "https://u:***@host:5000/x"),
        ("https://u:p@ss@host", "https://u:***@host"),
        ("postgresql+psycopg://u:p@h/db?password=p", "postgresql+psycopg://u:***@h/db"),
        ("http://[bad", "http:…"),
    ],
)
def test_addresses_are_shown_without_what_is_secret(uri: str, shown: str):
    assert without_secrets(uri) == shown


@contextmanager
def server(home: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """MLflow's server over the folder's database, as `rag up` starts it."""
    process = subprocess.Popen(
        [
            *(str(Path(sys.executable).with_name("mlflow")), "server", "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{home}/mlflow.db"),
            *("--artifacts-destination", str(home / "mlflow")),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: answers(port), "MLflow's server does not answer")
        yield process
    finally:
        stop(process)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
    except httpx.HTTPError:
        return False


def stop(process: "subprocess.Popen[bytes]") -> None:
    """The server and its workers, at once."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def variants_in(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        query = "select count(*) from tags where key = 'kind' and value = 'variant'"
        (count,) = connection.execute(query).fetchone()
    connection.close()
    return int(count)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_server_that_dies_in_the_middle_leaves_nothing_half_registered(
    factory: Factory, home: Path
):
    """Row F12. A new server takes the whole comparison, and its page's files with it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    database = f"sqlite:///{home}/mlflow.db"
    factory.uri = f"http://ann:canary@127.0.0.1:{port}"
    with server(home, port) as process:

        def kill() -> None:
            until(lambda: variants_in(home / "mlflow.db") > 2, "no variant is written")
            stop(process)

        killer = Thread(target=kill)
        killer.start()
        with pytest.raises(TrackingError) as told:
            factory.record()
        killer.join()
    assert "canary" not in str(told.value)
    left = states(database)
    assert ("comparison", "RUNNING") in left
    assert ("comparison", "FINISHED") not in left
    assert nothing_is_registered(database)
    with server(home, port):
        run = factory.record()
        found = compared(factory.uri)
        card = mlflow_client(factory.uri).list_artifacts(found.run_ids["nf4"], "model")
    assert (found.run_id, found.comparison) == (run, factory.compared())
    assert {file.path for file in card} == {"model/README.md", "model/artifact.json"}
    assert "RUNNING" not in {status for _, status in states(database)}
    assert aliases(mlflow_client(database))["challenger"].variant == "onnx-int8"
    assert len(mlflow_client(database).search_model_versions(f"name = '{MODEL}'")) == len(MEASURED)
