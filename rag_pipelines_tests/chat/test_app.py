"""The interface over a real socket. Answers themselves are `test_answer`'s."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import httpx
import pytest

from rag_pipelines.chat.guard import MAX_BODY
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.errors import ModelError, ModelUnavailable, RagError
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import FAKE, QUESTION, Echo, build, publish, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

ANSWER_KEYS = {
    *("answer", "answer_id", "session_id", "citations", "release", "generation"),
    *("model", "prompt", "grounded", "abstained", "usage", "history"),
}
CITATION_KEYS = {
    *("n", "kind", "url", "title", "heading", "page", "box", "quote", "chunk_id"),
    *("html", "image_url", "document"),
}
USAGE_KEYS = {
    *("context_tokens", "context_limit", "dropped_chunks", "dropped_turns"),
    *("prompt_tokens", "completion_tokens"),
}
RESULT_KEYS = {
    *("rank", "score", "url", "title", "heading", "page", "text", "chunk_id", "source"),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    releases = releases_in(tmp_path_factory.mktemp("app"))
    publish(releases, 1)
    publish(releases, 2)
    return releases


@pytest.fixture(scope="module")
def model() -> Echo:
    return Echo()


@pytest.fixture(scope="module")
def client(shelf: Releases, model: Echo) -> Iterator[httpx.Client]:
    """One service for the whole file, which none of its tests changes."""
    with serving(LiveRelease(shelf, TopicEmbedder(), lambda name: model)) as client:
        until(lambda: ready(client, 2))
        yield client


def _ask(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post("/api/question", json={"question": QUESTION, **body})


def _refused(response: httpx.Response, status: int, word: str) -> str:
    told = response.json()
    assert (response.status_code, told["error"]["type"]) == (status, word), response.text
    assert (told.keys(), told["error"].keys()) == ({"error"}, {"type", "message"})
    assert "Traceback" not in response.text
    return told["error"]["message"]


def test_an_answer_has_the_keys_that_other_programs_rely_on(client: httpx.Client):
    told = _ask(client, user_id="ann", session_id="s-1").json()
    assert told.keys() == ANSWER_KEYS
    assert told["citations"]
    assert all(citation.keys() == CITATION_KEYS for citation in told["citations"])
    assert told["usage"].keys() == USAGE_KEYS
    assert (told["session_id"], told["generation"], told["model"]) == ("s-1", 2, FAKE.name)


def test_search_tells_ranked_passages_of_one_source(client: httpx.Client, shelf: Releases):
    found = client.get("/api/search", params={"q": QUESTION, "k": 3}).json()
    pointer = shelf.current()
    assert pointer is not None
    assert found["release"] == pointer.release
    assert [result["rank"] for result in found["results"]] == [1, 2, 3]
    assert all(result.keys() == RESULT_KEYS for result in found["results"])
    one = client.get("/api/search", params={"q": QUESTION, "source": "appendix"}).json()
    assert {result["source"] for result in one["results"]} == {"appendix"}


def test_release_tells_the_manifest_generation_and_model(client: httpx.Client, shelf: Releases):
    told = client.get("/api/release").json()
    pointer = shelf.current()
    assert pointer is not None
    manifest = json.loads((shelf.root / pointer.release / "manifest.json").read_text())
    assert manifest.items() <= told.items()
    assert (told["generation"], told["model"]) == (2, {"name": FAKE.name, "digest": FAKE.digest})


def test_a_release_may_be_named(client: httpx.Client, shelf: Releases):
    older = shelf.list()[0].name
    told = _ask(client, release=older).json()
    assert (told["release"], told["generation"]) == (older, 0)
    message = _refused(_ask(client, release="v000777-0123456789ab"), 404, "unknown_release")
    assert older in message


def test_filters_reach_the_search(client: httpx.Client):
    told = _ask(client, filters={"source": ["appendix"], "path_prefix": "/appendix/"}).json()
    assert all("/appendix/" in citation["url"] for citation in told["citations"])
    assert _ask(client, filters={"source": ["nowhere"]}).json()["abstained"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"{}", "question"),
        (b'{"question": ""}', "question"),
        (b'{"question": "  \\t"}', "question"),
        (b'{"question": "a\\u0000b"}', "NUL"),
        (b'{"question": "\\ud800"}', "question"),
        (b'{"question": 7}', "question"),
        (b'{"question": null}', "question"),
        (json.dumps({"question": "x" * 4001}).encode(), "4000"),
        (b'{"question": "a", "strange": 1}', "strange"),
        (b'{"question": "a", "\\ud800": 1}', "unicode"),
        (b'{"question": "a", "stream": "perhaps"}', "stream"),
        (b'{"question": "a", "session_id": "../../etc"}', "session_id"),
        (b'{"question": "a", "session_id": {"$ne": 1}}', "session_id"),
        (b'{"question": "a", "user_id": "\\u0000"}', "user_id"),
        (b'{"question": "a", "release": "../v000001-0123456789ab"}', "release"),
        (b'{"question": "a", "filters": {"author": "x"}}', "author"),
        (b'{"question": "a", "filters": {"source": "x"}}', "source"),
        (b"[]", "body"),
        (b"not json", "body"),
        (b"\xff\xfe", "body"),
    ],
)
def test_a_bad_question_is_refused_and_the_field_named(
    client: httpx.Client, body: bytes, names: str
):
    headers = {"Content-Type": "application/json"}
    response = client.post("/api/question", content=body, headers=headers)
    if response.status_code == 400:
        _refused(response, 400, "bad_request")
    else:
        assert names in _refused(response, 422, "invalid_request")


def test_deep_json_and_long_bodies_are_refused(client: httpx.Client):
    headers = {"Content-Type": "application/json"}
    deep = client.post("/api/question", content=b"[" * 100_000, headers=headers)
    assert deep.status_code in (400, 422)
    long = b'{"question": "' + b"x" * MAX_BODY + b'"}'
    _refused(client.post("/api/question", content=long, headers=headers), 413, "too_large")
    pieces = (long[start : start + 4096] for start in range(0, len(long), 4096))
    _refused(client.post("/api/question", content=pieces, headers=headers), 413, "too_large")


@pytest.mark.parametrize("query", ["", "q=", "q=a&k=0", "q=a&k=51", "q=a%00", "q=a&source=%00"])
def test_a_bad_search_is_refused(client: httpx.Client, query: str):
    _refused(client.get(f"/api/search?{query}"), 422, "invalid_request")


def test_unknown_paths_and_methods_are_refused_in_the_same_shape(client: httpx.Client):
    _refused(client.get("/nowhere"), 404, "not_found")
    _refused(client.get("/api/question"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("fault", "status", "word"),
    [
        (ModelUnavailable("nobody at 127.0.0.1:1"), 503, "model_unavailable"),
        (ModelError("the model wrote nothing"), 502, "model_failed"),
        (RagError("something else"), 500, "internal"),
    ],
)
def test_a_failing_model_is_told_by_type(
    client: httpx.Client, model: Echo, fault: RagError, status: int, word: str
):
    model.fails = fault
    try:
        response = _ask(client)
    finally:
        model.fails = None
    assert _refused(response, status, word) == str(fault)
    assert ("retry-after" in response.headers) == (status == 503)


def test_an_unforeseen_fault_tells_nothing_of_the_inside(client: httpx.Client, model: Echo):
    model.fails = KeyError("secret inside")
    try:
        response = _ask(client)
    finally:
        model.fails = None
    assert "secret" not in _refused(response, 500, "internal")


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example:8000", ""])
def test_a_request_to_another_name_is_refused(client: httpx.Client, host: str):
    _refused(client.get("/api/release", headers={"Host": host}), 400, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "[::1]:8000", "127.0.0.1"])
def test_loopback_by_any_of_its_names_is_answered(client: httpx.Client, host: str):
    assert client.get("/livez", headers={"Host": host}).json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/", "/docs", "/ask.js", "/style.css", "/api/release", "/gone"])
def test_every_response_has_a_strict_policy_and_loads_nothing_from_elsewhere(
    client: httpx.Client, path: str
):
    response = client.get(path)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    if path != "/api/release":
        assert "//" not in response.text.replace("https?:\\/\\/", "").replace("// Asks", "")


def test_the_landing_links_to_the_interface_and_that_names_every_call(client: httpx.Client):
    assert 'href="/docs"' in client.get("/").text
    page = client.get("/docs").text
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}<" in page
    assert "filters" in page


def test_metrics_tell_what_is_served_and_what_became_of_questions(client: httpx.Client):
    _ask(client)
    text = client.get("/metrics").text
    assert "\nrag_degraded 0.0\n" in text
    assert "\nrag_generation 2.0\n" in text
    answered = text.split('rag_questions_total{outcome="answered"} ')[1].split()[0]
    assert float(answered) >= 1


def test_without_a_release_the_service_lives_but_is_not_ready(tmp_path: Path, echo: Echo):
    releases = releases_in(tmp_path)
    with serving(LiveRelease(releases, TopicEmbedder(), lambda name: echo)) as client:
        assert client.get("/livez").status_code == 200
        response = client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "unready")
        assert "rag ingest" in response.json()["reason"]
        refused = _ask(client)
        _refused(refused, 503, "no_release")
        assert "retry-after" in refused.headers


def test_a_reload_is_accepted_and_followed(releases: Releases, echo: Echo):
    live = LiveRelease(releases, TopicEmbedder(), lambda name: echo, poll_seconds=3600)
    with serving(live) as client:
        publish(releases, 1)
        assert client.post("/admin/reload").status_code == 202
        until(lambda: ready(client, 1))


def test_while_draining_the_service_is_not_ready_and_still_answers(shelf: Releases, echo: Echo):
    draining = Event()
    with serving(
        LiveRelease(shelf, TopicEmbedder(), lambda name: echo), draining=draining
    ) as client:
        until(lambda: ready(client, 2))
        draining.set()
        response = client.get("/readyz")
        assert (response.status_code, response.json()["status"]) == (503, "draining")
        assert _ask(client).status_code == 200


def test_a_damaged_live_version_gives_way_at_restart_and_an_alarm_tells(
    releases: Releases, echo: Echo
):
    """Row F3, over HTTP."""
    from rag_pipelines_tests.chat.editions import damage

    for edition in (1, 2):
        publish(releases, edition)
    with serving(LiveRelease(releases, TopicEmbedder(), lambda name: echo)) as client:
        until(lambda: ready(client, 2))
    damaged = build(releases, 2)
    damage(damaged)
    with serving(LiveRelease(releases, TopicEmbedder(), lambda name: echo)) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        told = client.get("/readyz").json()
        assert told["status"] == "degraded"
        assert damaged.name in told["reason"]
        assert "edition 1" in _ask(client).json()["answer"]
        metrics = client.get("/metrics").text
        assert "\nrag_degraded 1.0\n" in metrics
        assert "\nrag_ready 1.0\n" in metrics
        assert "\nrag_load_failures_total 1.0\n" in metrics
