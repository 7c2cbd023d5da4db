"""Questions as traces in MLflow, and a service that does not mind when MLflow fails."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.mlflow_traces import EXPERIMENT, MlflowTraces
from rag_pipelines.chat.traces import Traces
from rag_pipelines.chat.watching import Watch
from rag_pipelines.errors import ModelError
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

REQUEST = {"X-Request-ID": "request-7"}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    releases = releases_in(tmp_path_factory.mktemp("traces"))
    publish(releases, 1)
    return releases


@contextmanager
def traced(shelf: Releases, echo: Echo, traces: Traces) -> Iterator[httpx.Client]:
    live = LiveRelease(shelf, TopicEmbedder(), lambda name: echo)
    with serving(live, traces=traces) as client:
        until(lambda: ready(client, 1))
        yield client


def ask(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post("/api/question", json={"question": QUESTION, **body}, headers=REQUEST)


def stored(uri: str) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment
    found = client.search_traces([experiment.experiment_id], order_by=["timestamp_ms ASC"])
    return [client.get_trace(trace.info.trace_id, display=False) for trace in found]


def counted(client: httpx.Client, name: str) -> float:
    return float(client.get("/metrics").text.split(f"\n{name} ")[1].split()[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's use of SQLAlchemy
def test_a_question_becomes_a_trace_with_its_steps_and_without_a_word_of_it(
    shelf: Releases, echo: Echo, tmp_path: Path
):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    began = time.time_ns()
    with traced(shelf, echo, Traces(MlflowTraces(uri), 1.0)) as client:
        said = ask(client, user_id="ann-canary").json()
        echo.fails = ModelError("canary of a message")
        ask(client, question=f"{QUESTION} canary")
        until(lambda: counted(client, "rag_traces_exported_total") == 2, 120)
        assert counted(client, "rag_traces_dropped_total") == 0
    answered, failed = stored(uri)
    assert (answered.info.client_request_id, answered.info.state.value) == ("request-7", "OK")
    assert (failed.info.tags["outcome"], failed.info.state.value) == ("failed", "ERROR")
    whole, *steps = sorted(answered.data.spans, key=lambda span: bool(span.parent_id))
    told = whole.attributes
    for name in ("answer_id", "release", "generation", "model", "prompt", "grounded"):
        assert told[name] == said[name]
    assert {**said["usage"]}.items() <= told.items()
    assert (told["citations"], told["outcome"]) == (len(said["citations"]), "answered")
    assert {"wait", "retrieve", "generate", "check"} <= {span.name for span in steps}
    for span in steps:
        assert span.parent_id == whole.span_id
        assert began <= whole.start_time_ns <= span.start_time_ns + 10**6
        assert span.end_time_ns <= whole.end_time_ns + 10**6 <= time.time_ns() + 10**6
    (root,) = (span for span in failed.data.spans if not span.parent_id)
    assert root.attributes["error"] == "ModelError"
    written = b"".join(file.read_bytes() for file in tmp_path.glob("mlflow.db*"))
    assert said["answer_id"].encode() in written
    for private in ("canary", "kettle", "ann-"):
        assert private.encode() not in written


def silent() -> socket.socket:
    """A server that takes connections and never says a word."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.listen(50)
    return listening


def test_an_mlflow_that_hangs_costs_no_answer_and_its_queue_is_bounded(shelf: Releases, echo: Echo):
    """Row F12."""
    with silent() as server:
        traces = Traces(MlflowTraces(f"http://127.0.0.1:{server.getsockname()[1]}"), 1.0, queue=2)
        with traced(shelf, echo, traces) as client:
            ask(client)
            until(lambda: traces.waiting == 0)
            assert [ask(client).status_code for _ in range(5)] == [200] * 5
            assert counted(client, "rag_traces_dropped_total") == 3
            assert client.get("/readyz").json()["status"] == "ok"
            stopped = time.monotonic()
        assert time.monotonic() - stopped < 10


@pytest.mark.parametrize("where", ["http://127.0.0.1:1", "sqlite:////dev/full"])
def test_an_mlflow_that_is_down_or_full_costs_traces_alone(
    shelf: Releases, echo: Echo, where: str, caplog: pytest.LogCaptureFixture
):
    """Row F12."""
    with traced(shelf, echo, Traces(MlflowTraces(where), 1.0)) as client:
        assert [ask(client).status_code for _ in range(2)] == [200, 200]
        until(lambda: counted(client, "rag_traces_dropped_total") == 2, 60)
        assert counted(client, "rag_traces_exported_total") == 0
    told = [record.getMessage() for record in caplog.records if "traces are being" in record.msg]
    assert len(told) == 1
    assert "RAG_TRACE_SAMPLING" in told[0]


def test_only_the_sample_is_exported():
    taken: list[Watch] = []
    for share, low, high in ((0.0, 0, 0), (0.5, 380, 620), (1.0, 1000, 1000)):
        taken.clear()
        traces = Traces(taken.append, share, queue=1000)
        for _ in range(1000):
            traces.offer(Watch())
        traces.stop()
        assert low <= len(taken) == traces.exported <= high
        assert traces.dropped == 0


def test_what_fails_for_a_while_is_dropped_and_counted_until_it_mends():
    gate, broken = Event(), [True]

    def export(watch: Watch) -> None:
        gate.wait(20)
        if broken[0]:
            raise OSError("password in a URL")

    traces = Traces(export, 1.0, queue=3)
    traces.offer(Watch())
    until(lambda: not traces.waiting)
    for _ in range(5):
        traces.offer(Watch())
    assert (traces.dropped, traces.exported) == (2, 0)
    gate.set()
    until(lambda: traces.dropped == 6)
    broken[0] = False
    traces.offer(Watch())
    until(lambda: traces.exported == 1)
    traces.stop()
    assert traces.dropped == 6
