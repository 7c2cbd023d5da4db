"""Answers that are told as they are written, and readers that go away."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest

from rag_pipelines.chat.admission import Admission
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish, releases_in
from rag_pipelines_tests.chat.service import app_over, ready, running, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

SAYS = "The warranty of the kettle lasts 2 years in edition 1. It is green cheese. "


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    releases = releases_in(tmp_path_factory.mktemp("streaming"))
    publish(releases, 1)
    return releases


@pytest.fixture(scope="module")
def model() -> Echo:
    return Echo()


@pytest.fixture
def echo(model: Echo) -> Echo:
    """The service's model, as if nobody had told it anything yet."""
    vars(model).update(vars(Echo()))
    return model


@pytest.fixture(scope="module")
def admission() -> Admission:
    return Admission(queue=3)


@pytest.fixture(scope="module")
def client(shelf: Releases, model: Echo, admission: Admission) -> Iterator[httpx.Client]:
    live = LiveRelease(shelf, TopicEmbedder(), lambda name: model)
    with serving(live, admission=admission) as client:
        until(lambda: ready(client, 1))
        yield client


@pytest.fixture(autouse=True)
def _afresh(echo: Echo) -> None:
    """Every test has the model afresh."""


def told(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, object]]]:
    event = ""
    for line in lines:
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield event, json.loads(line.removeprefix("data: "))


def asked(client: httpx.Client, **body: object) -> list[tuple[str, dict[str, object]]]:
    body = {"question": QUESTION, "stream": True, **body}
    with client.stream("POST", "/api/question", json=body) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(told(response.iter_lines()))


def turns(client: httpx.Client, session: object) -> list[dict[str, object]]:
    return client.get(f"/api/sessions/{session}").json()["messages"]


def test_events_come_in_their_order_and_the_last_is_the_answer(client: httpx.Client, echo: Echo):
    echo.says = SAYS
    events = asked(client)
    names = [name for name, _ in events]
    assert (names[0], names[-1]) == ("retrieval", "done")
    assert set(names) == {"retrieval", "token", "citation", "done"}
    done = events[-1][1]
    assert done["answer"] == "The warranty of the kettle lasts 2 years in edition 1 [1]."
    assert done["history"] == "stored"
    assert [data for name, data in events if name == "citation"] == done["citations"]
    assert {key: events[0][1][key] for key in ("session_id", "answer_id")} == {
        key: done[key] for key in ("session_id", "answer_id")
    }
    draft = "".join(str(data["text"]) for name, data in events if name == "token")
    assert draft.startswith("The warranty of the kettle")
    assert "cheese" not in draft


def test_an_extractive_answer_comes_sentence_by_sentence(client: httpx.Client, echo: Echo):
    echo.name = "extractive:"
    events = asked(client)
    (_, *between, (last, done)) = events
    assert last == "done"
    assert [name for name, _ in between] == ["token", "citation"] * len(between[::2])
    assert between
    assert [data for name, data in between if name == "citation"] == done["citations"]
    assert "".join(str(data["text"]) for name, data in between if name == "token") == done["answer"]


def test_streamed_and_whole_the_answer_is_the_same(client: httpx.Client, echo: Echo):
    echo.says = SAYS
    whole = client.post("/api/question", json={"question": QUESTION}).json()
    streamed = asked(client)[-1][1]
    for said in (whole, streamed):
        for of_its_own in ("answer_id", "session_id"):
            said.pop(of_its_own)
    assert streamed == whole


def test_tokens_come_before_the_answer_is_whole(client: httpx.Client, echo: Echo):
    echo.says, echo.goes_on = SAYS, Event()
    body = {"question": QUESTION, "stream": True}
    with client.stream("POST", "/api/question", json=body) as response:
        events = told(response.iter_lines())
        assert next(events)[0] == "retrieval"
        echo.goes_on.set()
        assert next(events)[0] == "token"


def test_a_conversation_is_kept_and_read_for_the_next_question(client: httpx.Client, echo: Echo):
    first = client.post("/api/question", json={"question": "What of the warranty of the kettle ?"})
    session = first.json()["session_id"]
    events = asked(client, session_id=session, question="How many years the kettle lasts in ?")
    assert "What of the warranty of the kettle ?" in str(events[0][1]["question"])
    assert [message.role for message in echo.prompts[-1].history] == ["user", "assistant"]
    assert "[1]" not in echo.prompts[-1].history[1].content
    kept = turns(client, session)
    assert [turn["role"] for turn in kept] == ["user", "assistant"] * 2
    assert [turn["seq"] for turn in kept] == [1, 2, 3, 4]
    assert kept[1]["content"] == first.json()["answer"]
    assert kept[3]["answer_id"] == events[-1][1]["answer_id"]
    assert {turn["state"] for turn in kept} == {"complete"}


def test_a_session_of_somebody_else_is_unknown_and_stays_as_it_was(client: httpx.Client):
    body = {"question": QUESTION, "session_id": "s-1", "user_id": "ann"}
    assert client.post("/api/question", json=body).status_code == 200
    for stream in (False, True):
        theirs = client.post("/api/question", json={**body, "user_id": "bob", "stream": stream})
        assert (theirs.status_code, theirs.json()["error"]["type"]) == (404, "unknown_session")
    found = client.get("/api/sessions/s-1", params={"user_id": "ann"}).json()
    assert len(found["messages"]) == 2


@pytest.mark.parametrize("fault", [None, ModelError("cut off")])
def test_a_session_that_is_deleted_under_its_answer_stays_deleted(
    client: httpx.Client, echo: Echo, fault: ModelError | None
):
    echo.says, echo.goes_on, echo.fails, echo.fails_after = SAYS, Event(), fault, 9
    body = {"question": QUESTION, "stream": True, "session_id": f"s-deleted-{bool(fault)}"}
    with client.stream("POST", "/api/question", json=body) as response:
        events = told(response.iter_lines())
        assert next(events)[0] == "retrieval"
        assert client.delete(f"/api/sessions/{body['session_id']}").status_code == 204
        echo.goes_on.set()
        name, last = list(events)[-1]
    if fault:
        assert (name, last["type"]) == ("error", "model_failed")
    else:
        assert (name, last["history"]) == ("done", "off")
    assert client.get(f"/api/sessions/{body['session_id']}").status_code == 404


@pytest.mark.parametrize(
    ("fault", "word"),
    [(ModelError("cut off"), "model_failed"), (ModelUnavailable("gone"), "model_unavailable")],
)
def test_a_failure_in_the_middle_ends_in_a_typed_event_and_is_marked(
    client: httpx.Client, echo: Echo, admission: Admission, fault: ModelError, word: str
):
    echo.says, echo.fails, echo.fails_after = SAYS, fault, 9
    events = asked(client, session_id=f"s-{word}")
    assert events[-1] == ("error", {"type": word, "message": str(fault)})
    question, answer = turns(client, f"s-{word}")
    assert (question["role"], answer["role"], answer["state"]) == (
        *("user", "assistant"),
        "interrupted",
    )
    assert answer["content"] == "The warranty of the kettle lasts 2 years in edition 1 [1]."
    assert (admission.busy, admission.waiting) == (0, 0)


def test_what_fails_before_the_first_event_has_a_status(client: httpx.Client):
    body = {"question": QUESTION, "stream": True, "release": "v000777-0123456789ab"}
    assert client.post("/api/question", json=body).status_code == 404


def test_an_unforeseen_fault_in_the_middle_tells_nothing_of_the_inside(
    client: httpx.Client, echo: Echo
):
    echo.says, echo.fails, echo.fails_after = SAYS, KeyError("secret inside"), 3
    events = asked(client)
    assert events[-1][0] == "error"
    assert "secret" not in str(events)


@pytest.mark.parametrize("stream", [True, False])
def test_a_reader_that_goes_away_frees_the_model_within_a_second(
    client: httpx.Client, echo: Echo, admission: Admission, stream: bool
):
    """Row F9, the service's side."""
    echo.says, echo.pause = SAYS * 50, 0.02
    body = json.dumps({"question": QUESTION, "stream": stream}).encode()
    head = f"POST /api/question HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
    for _ in range(20):
        echo.started.clear()
        with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as reader:
            reader.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
            assert echo.started.wait(20)
        until(lambda: not echo.running, 1.0)
    until(lambda: not admission.busy, 1.0)
    assert admission.waiting == 0


def test_a_burst_fills_slots_and_queue_and_the_rest_is_sent_away_at_once(
    shelf: Releases, echo: Echo
):
    """Row L3, short."""
    echo.slots, echo.goes_on = 1, Event()
    admission = Admission(queue=4)
    live = LiveRelease(shelf, TopicEmbedder(), lambda name: echo)
    with running(app_over(live, admission=admission)) as base:
        with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
            until(lambda: ready(client, 1))
        with ThreadPoolExecutor(30) as clients:
            burst = [clients.submit(_ask, base) for _ in range(30)]
            until(lambda: sum(one.done() for one in burst) == 25)
            assert (admission.busy, admission.waiting) == (1, 4)
            echo.goes_on.set()
            told = [one.result() for one in burst]
    assert sorted(response.status_code for response in told) == [200] * 5 + [503] * 25
    for response in told:
        if response.status_code == 503:
            assert response.json()["error"]["type"] == "overloaded"
            assert int(response.headers["retry-after"]) >= 1
    assert echo.most_running == 1


def _ask(base: str) -> httpx.Response:
    return httpx.post(
        f"{base}/api/question", json={"question": QUESTION}, timeout=60, trust_env=False
    )
