"""What the log says of requests, and that it says nothing of what was asked."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rag_pipelines.chat.gate import Rules
from rag_pipelines.chat.keys import Keys
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.logs import REQUEST_ID, JsonLines, Readable
from rag_pipelines.errors import ModelError
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

Lines = list[dict[str, Any]]


class Log:
    """What was logged since it was last read, as the service writes it."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.writer = logging.StreamHandler(self.stream)
        self.writer.setFormatter(JsonLines())

    def text(self) -> str:
        return self.stream.getvalue()

    def of(self, request_id: str) -> Lines:
        """The lines of a request, once the last is there."""

        def found() -> Lines:
            lines = [json.loads(line) for line in self.text().splitlines()]
            return [line for line in lines if line.get("request_id") == request_id]

        until(lambda: any(line["message"] == "request" for line in found()))
        return found()


@pytest.fixture(scope="module")
def model() -> Echo:
    return Echo()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture(scope="module")
def key(keys: Keys) -> str:
    return keys.add("ann")


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, model: Echo, keys: Keys, key: str
) -> Iterator[httpx.Client]:
    releases = releases_in(tmp_path_factory.mktemp("logs"))
    publish(releases, 1)
    live = LiveRelease(releases, TopicEmbedder(), lambda name: model)
    with serving(live, rules=Rules(keys=keys)) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        until(lambda: ready(client, 1))
        yield client


@pytest.fixture
def log(model: Echo) -> Iterator[Log]:
    log, ours = Log(), logging.getLogger("rag_pipelines")
    before = ours.level
    ours.addHandler(log.writer)
    ours.setLevel(logging.INFO)
    yield log
    ours.removeHandler(log.writer)
    ours.setLevel(before)
    model.fails = None


def ask(client: httpx.Client, request_id: str, **body: object) -> httpx.Response:
    headers = {"X-Request-ID": request_id}
    return client.post("/api/question", json={"question": QUESTION, **body}, headers=headers)


def test_a_request_is_one_line_with_route_status_time_and_whose_key_it_was(
    client: httpx.Client, log: Log
):
    assert ask(client, "r-1").headers["x-request-id"] == "r-1"
    (line,) = log.of("r-1")
    assert line.pop("time").endswith("+00:00")
    assert 0 < line.pop("milliseconds") < 60_000
    assert line == {
        **{"level": "info", "logger": "rag_pipelines.chat.request_log", "message": "request"},
        **{"request_id": "r-1", "method": "POST", "route": "/api/question", "status": 200},
        "user": "ann",
    }


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, 'a"b', "r\u00e9"])
def test_an_id_that_is_not_sane_is_replaced(client: httpx.Client, given: str):
    headers = {"X-Request-ID": given.encode("latin-1")}
    told = client.get("/livez", headers=headers).headers["x-request-id"]
    assert told != given
    assert len(told) == 32


def test_every_kind_of_response_has_an_id(client: httpx.Client, model: Echo, log: Log):
    asked = {"X-Request-ID": "r-2"}
    body = {"question": QUESTION, "stream": True}
    with client.stream("POST", "/api/question", json=body, headers=asked) as stream:
        stream.read()
    responses = [
        stream,
        client.get("/nowhere", headers=asked),
        client.post("/api/question", content=b"x" * 300_000, headers=asked),
        client.get("/", headers=asked),
        client.get("/api/release", headers=asked | {"Authorization": "Bearer wrong"}),
    ]
    model.fails = KeyError("inside")
    responses.append(ask(client, "r-2"))
    assert [response.status_code for response in responses] == [200, 404, 413, 200, 401, 500]
    assert {response.headers["x-request-id"] for response in responses} == {"r-2"}


def test_an_exception_is_logged_with_the_requests_id(client: httpx.Client, model: Echo, log: Log):
    model.fails = KeyError("inside")
    ask(client, "r-3")
    failed, line = log.of("r-3")
    assert (failed["level"], line["status"], line["reason"]) == ("error", 500, "internal")
    assert "KeyError: 'inside'" in failed["exception"]
    model.fails = ModelError("cut off")
    ask(client, "r-4", stream=True)
    broken, line = log.of("r-4")
    assert (broken["message"], line["status"]) == ("an answer broke off: cut off", 200)


def test_what_is_asked_and_answered_is_never_logged(
    client: httpx.Client, model: Echo, log: Log, key: str
):
    ask(client, "r-5", question=f"{QUESTION} canary-question", session_id="canary-session")
    model.fails = ModelError("broken")
    ask(client, "r-6", question=f"{QUESTION} canary-question")
    for request_id, path in (("r-7", "/canary-path"), ("r-8", "/api/search?q=canary-query")):
        headers = {"X-Request-ID": request_id, "X-Canary": "canary-header"}
        client.get(path, headers=headers)
        assert log.of(request_id)
    client.post("/api/login", json={"key": "canary-key"}, headers={"X-Request-ID": "r-9"})
    assert log.of("r-9")
    assert "r-5" in log.text()
    for private in ("canary", "kettle", key):
        assert private not in log.text()


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("ours", logging.WARNING, "file", 1, message, arguments, None)
    vars(made).update(more)
    return made


def test_no_message_ends_its_line_or_moves_a_terminal():
    evil = "one\ntwo\r\x1b[2J\u2028three\ud800"
    (line,) = JsonLines().format(record("%s", evil)).splitlines()
    assert json.loads(line)["message"] == evil
    shown = Readable().format(record("%s", evil, told={"route": evil}))
    assert len(shown.splitlines()) == 1
    assert all(character.isprintable() for character in shown)
    assert "one\\ntwo" in shown


def test_a_person_reads_level_message_fields_and_exception():
    token = REQUEST_ID.set("r-10")
    try:
        raise OSError("no room")
    except OSError:
        made = record("%d of %d", 1, 2, told={"status": 200}, exc_info=sys.exc_info())
        shown = Readable().format(made)
    finally:
        REQUEST_ID.reset(token)
    first, *rest = shown.splitlines()
    assert first.endswith("WARNING 1 of 2 request_id=r-10 status=200")
    assert rest[-1] == "OSError: no room"
