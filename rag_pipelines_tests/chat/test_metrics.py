"""What `/metrics` says of a service that runs, read as Prometheus reads it."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from rag_pipelines.chat.admission import Admission
from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.errors import ModelError
from rag_pipelines.inference.guarded import GuardedGenerator
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

Samples = dict[tuple[str, ...], float]
GUARDED = ModelServers(circuit_failures=3, circuit_pause=600, retries=0)


@dataclass
class Service:
    client: httpx.Client
    model: Echo
    history: Path

    def ask(self, **body: object) -> httpx.Response:
        return self.client.post("/api/question", json={"question": QUESTION, **body})

    def samples(self) -> Samples:
        """Values by name and label values, in the labels' order."""
        families = text_string_to_metric_families(self.client.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        return {(one.name, *one.labels.values()): one.value for one in samples}

    def since(self, before: Samples) -> Samples:
        """What each value has grown by."""
        now = self.samples()
        return defaultdict(float, {name: n - before.get(name, 0) for name, n in now.items()})


def of(samples: Samples, name: str) -> dict[str, float]:
    """The values of a metric with one label that are not 0."""
    return {labels[0]: n for (found, *labels), n in samples.items() if found == name and n}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the whole file."""
    folder = tmp_path_factory.mktemp("metrics")
    releases, model, history = releases_in(folder), Echo(slots=1), folder / "history.db"
    publish(releases, 1)
    parts = {"history": SqliteHistory(history), "on_history_failure": "degrade"}

    def guarded(name: str | None) -> Generator:
        return GuardedGenerator(model, GUARDED)

    live = LiveRelease(releases, TopicEmbedder(), guarded)
    with serving(live, admission=Admission(queue=3), **parts) as client:
        until(lambda: ready(client, 1))
        yield Service(client, model, history)


@pytest.fixture
def service(whole: Service) -> Service:
    """The service, its model as if nobody had told it anything yet."""
    vars(whole.model).update(vars(Echo(slots=1)))
    return whole


def test_requests_are_counted_by_route_and_status_and_errors_by_type(service: Service):
    before = service.samples()
    service.ask()
    service.client.get("/api/sessions/s-9")
    service.client.get("/api/search")
    service.client.post("/api/release")
    service.client.get("/nowhere")
    service.client.get("/livez", headers={"Host": "elsewhere.example"})
    service.client.post("/api/question", content=b"x" * 300_000)
    grown = service.since(before)
    count = "rag_requests_total"
    assert grown[count, "POST", "/api/question", "200"] == 1
    assert grown[count, "GET", "/api/sessions/{session_id}", "404"] == 1
    assert grown[count, "GET", "/api/search", "422"] == 1
    assert grown[count, "other", "/api/release", "405"] == 1
    assert [grown[count, "other", "other", status] for status in ("404", "400", "413")] == [1] * 3
    assert sum(n for (name, *_), n in grown.items() if name == count) == 8
    assert sum(of(grown, "rag_request_seconds_count").values()) == 8
    assert of(grown, "rag_refusals_total") == {
        **{"unknown_session": 1, "invalid_request": 1, "method_not_allowed": 1},
        **{"not_found": 1, "wrong_host": 1, "too_large": 1},
    }


def test_a_question_is_counted_with_its_steps_and_tokens(service: Service):
    before = service.samples()
    used = service.ask().json()["usage"]
    with service.client.stream(
        "POST", "/api/question", json={"question": QUESTION, "stream": True}
    ) as response:
        assert b"event: done" in response.read()
    assert service.ask(filters={"source": ["nowhere"]}).json()["abstained"]
    service.model.fails = ModelError("broken")
    assert service.ask().status_code == 502
    grown = service.since(before)
    assert of(grown, "rag_questions_total") == {"answered": 2, "abstained": 1, "failed": 1}
    steps = of(grown, "rag_step_seconds_count")
    assert steps.pop("check") >= 2
    assert steps == {"wait": 4, "rewrite": 4, "retrieve": 4, "generate": 3}
    assert grown["rag_first_token_seconds_count",] == 3
    assert of(grown, "rag_tokens_total") == {
        "prompt": 2 * used["prompt_tokens"],
        "completion": 2 * used["completion_tokens"],
    }


def test_the_first_words_are_timed_from_the_question_on_whatever_comes_after(service: Service):
    service.model.pause, service.model.piece = 0.05, 10
    before = service.samples()
    service.ask()
    grown = service.since(before)
    first, whole = grown["rag_first_token_seconds_sum",], grown["rag_step_seconds_sum", "generate"]
    assert 0 < grown["rag_step_seconds_sum", "retrieve"] < first < whole


def test_the_queues_depth_is_exact_and_so_are_the_refusals(service: Service):
    """Row L3."""
    service.model.goes_on = Event()
    before = service.samples()
    with ThreadPoolExecutor(10) as clients:
        burst = [clients.submit(service.ask) for _ in range(10)]
        until(lambda: sum(one.done() for one in burst) == 6)
        held = service.samples()
        assert (held["rag_slots_busy",], held["rag_queue_waiting",]) == (1, 3)
        service.model.goes_on.set()
    now, grown = service.samples(), service.since(before)
    assert (now["rag_slots_busy",], now["rag_queue_waiting",]) == (0, 0)
    assert of(grown, "rag_refusals_total") == {"overloaded": 6}
    assert of(grown, "rag_questions_total") == {"failed": 6, "answered": 4}
    assert grown["rag_step_seconds_count", "wait"] == 4
    assert grown["rag_step_seconds_sum", "wait"] > 0


def test_failures_of_the_history_are_counted_though_the_question_is_answered(service: Service):
    before = service.samples()
    with closing(sqlite3.connect(service.history, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        told = service.ask().json()["history"]
        other.execute("ROLLBACK")
    grown = service.since(before)
    assert (told, grown["rag_history_errors_total",]) == ("failed", 1)
    assert of(grown, "rag_refusals_total") == {}


def test_what_is_served_its_age_and_every_swap_are_told(releases: Releases, echo: Echo):
    live = LiveRelease(releases, TopicEmbedder(), lambda name: echo, poll_seconds=0.1)
    with serving(live) as client:
        service = Service(client, echo, Path())
        said = service.samples()
        assert (said["rag_ready",], said["rag_generation",]) == (0, 0)
        assert ("rag_release_age_seconds",) not in said
        for edition in (1, 2):
            publish(releases, edition)
            until(lambda edition=edition: ready(client, edition))
        said = service.samples()
        assert (said["rag_ready",], said["rag_generation",], said["rag_swaps_total",]) == (1, 2, 1)
        created = datetime.fromisoformat(client.get("/api/release").json()["created_at"])
        age = (datetime.now(UTC) - created).total_seconds()
        assert age - 60 < said["rag_release_age_seconds",] <= age


def test_nothing_that_callers_send_becomes_a_label(service: Service):
    service.ask()
    service.client.get("/nowhere")
    service.client.request("PUT", "/api/question")
    service.samples()
    before = service.samples().keys()
    for odd in ("canary-1", "canary-2"):
        service.ask(question=f"{QUESTION} {odd}", user_id=odd, session_id=odd)
        service.client.get(f"/{odd}", params={"q": odd}, headers={"X-Request-ID": odd})
    service.client.request("PROPFIND", "/canary")
    service.client.request("PROPFIND", "/api/question")
    assert service.samples().keys() == before
    assert "canary" not in service.client.get("/metrics").text.lower()


def test_prometheus_may_ask_for_openmetrics(service: Service):
    asked = service.client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert asked.headers["content-type"].startswith("application/openmetrics-text")
    assert "rag_questions" in {family.name for family in openmetrics(asked.text)}
    plain = service.client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")


def test_a_model_that_is_left_alone_is_told(service: Service):
    """The last of this file, for the service's model stays alone."""
    assert service.samples()["rag_circuit_open",] == 0
    service.model.fails = ModelError("broken")
    for _ in range(GUARDED.circuit_failures):
        service.ask()
    assert service.samples()["rag_circuit_open",] == 1
