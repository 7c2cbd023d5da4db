"""Row B10: what is too long, too deep or not of its type is refused, whichever call it is sent to.

A call is added to `CALLS`, and what is particular to it as a table of its own.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest

from rag_pipelines.chat.guard import MAX_BODY
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines_tests.chat.editions import Echo, releases_in
from rag_pipelines_tests.chat.service import serving
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


@dataclass(frozen=True)
class Call:
    """A call that takes JSON, and a body for it that is well-formed but for one text."""

    path: str
    body: Callable[[Any], Any]


CALLS = {
    "question": Call("/api/question", lambda text: {"question": text}),
    "session": Call("/api/question", lambda text: {"question": "a", "session_id": text}),
    "user": Call("/api/question", lambda text: {"question": "a", "user_id": text}),
    "filter": Call("/api/question", lambda text: {"question": "a", "filters": {"source": [text]}}),
    "entity": Call("/api/question", lambda text: {"question": "a", "filters": {"entity": text}}),
    "chat": Call(
        "/v1/chat/completions", lambda text: {"messages": [{"role": "user", "content": text}]}
    ),
    "feedback": Call("/api/feedback", lambda text: {"answer_id": text, "rating": "up"}),
    "correction": Call(
        "/api/feedback", lambda text: {"answer_id": "a", "rating": "up", "correction": text}
    ),
    "login": Call("/api/login", lambda text: {"key": text}),
}

TEXTS: dict[str, Any] = {
    "longer than a body": "x" * (MAX_BODY + 1),
    "1 MB": "x" * 1_000_000,
    "as long as a body": "x" * (MAX_BODY - 1_000),
    "lone surrogate": "\ud800",
    "surrogates the wrong way round": "\udc00\ud800",
    "NUL": "a\0b",
    "number": 7,
    "huge number": 10**400,
    "fraction": 0.5,
    "truth": True,
    "list": ["a"],
    "10000 entries": ["a"] * 10_000,
    "object": {"a": "b"},
    "operator": {"$ne": None},
    "deep": json.loads("[" * 200 + "]" * 200),
}

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "text": b'"a"',
    "null": b"null",
    "list": b"[]",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 40_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "not UTF-8": b'{"question": "\xff", "key": "\xff"}',
    "UTF-16": '{"question": 7, "key": 7}'.encode("utf-16"),
    "digits": b'{"question": ' + b"9" * 10_000 + b"}",
    "10000 messages": json.dumps(
        {"messages": [{"role": "user", "content": "a"}] * 10_000}
    ).encode(),
    "10000 fields": json.dumps({f"f{n}": n for n in range(10_000)}).encode(),
    "NaN": b'{"question": NaN, "key": NaN}',
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    releases = releases_in(tmp_path_factory.mktemp("bodies"))
    with serving(LiveRelease(releases, TopicEmbedder(), lambda name: Echo())) as client:
        yield client


def refused(response: httpx.Response, sent: int) -> None:
    statuses = (413,) if sent > MAX_BODY else (422,)
    assert response.status_code in statuses, response.text
    error = response.json()["error"]
    assert error["type"] == ("too_large" if sent > MAX_BODY else "invalid_request")
    assert len(response.content) < 20_000, "what was sent is not sent back"


def send(client: httpx.Client, path: str, body: bytes) -> httpx.Response:
    return client.post(path, content=body, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_text_that_is_none_or_too_long_is_refused(client: httpx.Client, call: str, text: str):
    body = json.dumps(CALLS[call].body(TEXTS[text])).encode()
    refused(send(client, CALLS[call].path, body), len(body))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", sorted({call.path for call in CALLS.values()}))
def test_a_body_that_is_none_is_refused(client: httpx.Client, path: str, body: str):
    refused(send(client, path, BODIES[body]), len(BODIES[body]))


@pytest.mark.parametrize("path", sorted({call.path for call in CALLS.values()}))
def test_a_body_that_tells_no_length_is_refused_and_not_kept(client: httpx.Client, path: str):
    before = psutil.Process().memory_info().rss
    endless = (b"x" * 65_536 for _ in range(100 * MAX_BODY // 65_536))
    headers = {"Content-Type": "application/json"}
    refused(client.post(path, content=endless, headers=headers), MAX_BODY + 1)
    assert psutil.Process().memory_info().rss - before < 10_000_000


@pytest.mark.parametrize("query", ["q=" + "x" * 4_001, "q=" + "a" * 40_000, "q=a&k=" + "9" * 5_000])
def test_a_query_that_is_too_long_is_refused(client: httpx.Client, query: str):
    refused(client.get(f"/api/search?{query}"), 0)


def test_memory_stays_flat_under_bodies_that_are_refused(client: httpx.Client):
    """The service runs in this process, as do the bodies: both are counted."""
    process = psutil.Process()
    long = json.dumps({"question": TEXTS["as long as a body"]}).encode()
    bodies = [b"x" * 1_000_000, BODIES["deep lists"], long]

    def round_of(times: int) -> int:
        for _ in range(times):
            for body in bodies:
                send(client, "/api/question", body)
        return process.memory_info().rss

    before = round_of(10)
    assert round_of(100) - before < 20_000_000
