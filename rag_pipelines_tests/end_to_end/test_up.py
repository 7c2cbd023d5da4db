"""`rag up` as a script starts it: every service answers, releases publish themselves, all stops."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

from rag_pipelines_tests.end_to_end.installation import website

pytestmark = pytest.mark.slow

T = TypeVar("T")

PORTS = ("RAG_PORT", "RAG_DAGSTER_PORT", "RAG_MLFLOW_PORT")
PATIENCE_SECONDS = 240.0
REFRESH = """
from rag_pipelines.cli.runs import run_job
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.partitions import sync_sources
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings
project = Project(settings())
with instance_of(project.settings) as instance:
    sync_sources(instance, project.sources)
    assert run_job(instance, "refresh_source", project, "log").success
"""


def free_ports() -> dict[str, str]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
        return {name: str(one.getsockname()[1]) for name, one in zip(PORTS, taken, strict=True)}


def environment(**ours: str) -> dict[str, str]:
    """What a person has who set nothing but these: state and sources lie where they stand."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "DAGSTER_"))}
    return kept | {"RAG_GENERATOR": "extractive:", "HF_HUB_OFFLINE": "1"} | ours


def command(name: str) -> list[str]:
    return [sys.executable, "-m", "rag_pipelines.cli", name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my-site"
    folder.mkdir()
    return folder


@contextmanager
def up(folder: Path, ports: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """`rag up &` in a script: the shell has it ignore Ctrl-C."""
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(
            command("up"),
            cwd=folder,
            env=environment(**ports),
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
    try:
        yield process
    finally:
        for left in [process, *descendants(process)]:
            left.kill()
        process.wait()


def descendants(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def addresses(processes: list[psutil.Process]) -> set[str]:
    """Row B18: where they listen."""
    open_ = [port for ports in looked(processes, _connections) for port in ports]
    return {port.laddr.ip for port in open_ if port.status == psutil.CONN_LISTEN}


def _connections(process: psutil.Process) -> list[Any]:
    return process.net_connections("inet")


def looked(processes: list[psutil.Process], look: Callable[[psutil.Process], T]) -> list[T]:
    """What is seen of each that is still there: a run's own come and go."""
    seen: list[T] = []
    for process in processes:
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            seen.append(look(process))
    return seen


def until(look: Callable[[], bool], what: str, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if look():
            return
        time.sleep(0.5)
    log = (folder / "up.log").read_text()[-4000:]
    pytest.fail(f"{what}: not within {PATIENCE_SECONDS} seconds\n{log}")


def get(port: str, path: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10, trust_env=False)
    except httpx.HTTPError:
        return None


def answers(port: str, path: str) -> bool:
    answer = get(port, path)
    return answer is not None and answer.status_code == 200


@pytest.mark.timeout(900)
def test_what_was_refreshed_is_published_and_one_signal_stops_everything(folder, site):
    (folder / "sources.yaml").write_text("sources:\n" + website("log", site.url))
    refresh = [sys.executable, "-c", REFRESH]
    subprocess.run(refresh, cwd=folder, env=environment(), check=True, capture_output=True)
    assert not (folder / ".rag" / "releases").exists(), "embeddings alone publish nothing"

    ports = free_ports()
    with up(folder, ports) as process:
        chat, dagster, mlflow = (ports[name] for name in PORTS)
        until(lambda: answers(chat, "/livez"), "the chat service answers", folder)
        until(lambda: answers(dagster, "/server_info"), "Dagster's page answers", folder)
        until(lambda: answers(mlflow, "/health"), "MLflow answers", folder)
        until(lambda: answers(chat, "/readyz"), "the sensors build, check and publish", folder)
        found = get(chat, "/api/search?q=sextant wire 1871&k=1")
        assert found is not None
        assert found.json()["results"][0]["url"] == f"{site.url}sextant.html"
        started = descendants(process)
        commands = looked(started, lambda child: " ".join(child.cmdline()))
        assert any("dagster-daemon" in command for command in commands)
        assert (folder / ".rag" / "mlflow.db").exists()
        assert not any("mlflow.db" in command for command in commands), "an address may be secret"
        assert addresses(started) == {"127.0.0.1"}, "whatever listens is this machine's own"

        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        _, left = psutil.wait_procs(started, timeout=10)
        assert [" ".join(one.cmdline()) for one in left] == []
        for port in ports.values():
            assert get(port, "/") is None
    assert all(port in (folder / "up.log").read_text() for port in ports.values())


@pytest.mark.parametrize("variable", PORTS)
def test_a_taken_port_is_one_message_that_names_its_variable(folder, variable):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = free_ports() | {variable: port}
        done = subprocess.run(
            command("up"), cwd=folder, env=environment(**ports), capture_output=True, text=True
        )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("rag: port ")
    assert port in done.stderr
    assert [name for name in PORTS if name in done.stderr] == [variable]
    assert len(done.stderr.splitlines()) == 1


def test_one_port_for_two_services_is_one_message(folder):
    ports = free_ports()
    ports["RAG_MLFLOW_PORT"] = ports["RAG_DAGSTER_PORT"]
    done = subprocess.run(
        command("up"), cwd=folder, env=environment(**ports), capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "RAG_MLFLOW_PORT" in done.stderr
    assert len(done.stderr.splitlines()) == 1
