"""Who is let in, over a real socket. What is asked is answered `no_release`: nothing is indexed."""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from rag_pipelines.chat import gate
from rag_pipelines.chat.gate import COOKIE, LOOPBACK_NAMES, Rules
from rag_pipelines.chat.keys import Keys, session_of
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines_tests.chat.editions import Echo, releases_in
from rag_pipelines_tests.chat.service import app_over, serving
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

OPEN = {
    *(("GET", path) for path in ("/", "/style.css", "/icon.svg", "/thumb.svg")),
    *(("GET", f"/{name}.js") for name in ("api", "ask", "citations", "dom", "feedback", "login")),
    *(("GET", f"/{name}.js") for name in ("prose", "release", "sessions", "stream", "turn")),
    *(("GET", path) for path in ("/livez", "/readyz", "/api/me")),
    *(("POST", path) for path in ("/api/login", "/api/logout")),
}
"""What may be called without a key. Whoever adds to it says why in `gate`."""


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def ann(keys: Keys) -> str:
    return keys.add("ann")


@pytest.fixture
def live(tmp_path: Path) -> LiveRelease:
    return LiveRelease(releases_in(tmp_path), TopicEmbedder(), lambda name: Echo())


@pytest.fixture
def client(live: LiveRelease, keys: Keys) -> Iterator[httpx.Client]:
    with serving(live, rules=Rules(keys=keys)) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def let_in(response: httpx.Response) -> bool:
    if response.status_code == 401:
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["error"]["type"] == "key_required"
        return False
    assert response.json()["error"]["type"] == "no_release"
    return True


def ask(client: httpx.Client, key: str) -> bool:
    return let_in(client.get("/api/release", headers=bearer(key)))


def test_every_route_asks_for_a_key_but_those_that_tell_nothing(
    client: httpx.Client, live: LiveRelease, ann: str
):
    """Row B18. Walks the app's routes, so that a new one is asked for too."""
    calls = set(_calls(app_over(live).routes))
    assert {("POST", "/admin/reload"), ("GET", "/metrics"), ("GET", "/docs")} < calls
    assert ("GET", "/openapi.json") in calls
    assert calls > OPEN
    assert {path for _, path in OPEN} == gate.OPEN
    assert {path for _, path in calls} > gate.COSTLY
    for method, path in calls - OPEN:
        place = (
            path.replace("{sha256}", "0" * 64).replace("{page}", "1").replace("{session_id}", "s")
        )
        response = client.request(method, place)
        assert response.status_code == 401, f"{method} {path}"
        assert client.request(method, place, headers=bearer(ann)).status_code != 401


def _calls(routes: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if not isinstance(route, Route):  # a router as FastAPI holds one that was included
            yield from _calls(route.original_router.routes)
            continue
        yield from ((method, route.path) for method in route.methods or () if method != "HEAD")


@pytest.mark.parametrize("path", ["/nowhere", "/api/me/", "/LIVEZ", "/livez/../metrics"])
def test_what_is_no_route_asks_for_a_key_as_well(client: httpx.Client, ann: str, path: str):
    assert client.get(path).status_code == 401


def test_the_page_and_what_it_loads_need_no_key(client: httpx.Client, ann: str):
    page = client.get("/").text
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', page)
    assert loaded
    for path in loaded:
        assert client.get(path).status_code == 200, path


def test_without_a_key_readiness_tells_its_status_alone(client: httpx.Client, ann: str):
    told = client.get("/readyz")
    assert (told.status_code, told.json()["status"], told.json()["reason"]) == (503, "unready", "")
    assert "rag ingest" in client.get("/readyz", headers=bearer(ann)).json()["reason"]


def test_a_key_is_taken_under_the_scheme_in_any_case(client: httpx.Client, ann: str):
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert let_in(client.get("/api/release", headers={"Authorization": f"{scheme} {ann}"}))


def test_whatever_is_not_exactly_a_key_in_force_is_refused(
    client: httpx.Client, keys: Keys, ann: str
):
    """Row B11."""
    bob = keys.add("bob")
    keys.revoke("bob")
    kept = keys.all()[0].sha256
    wrong = [
        "",
        "Bearer",
        *(ann, f"Basic {ann}", f"Token {ann}", f"Key {ann}"),
        *(f"Bearer {ann[:-1]}", f"Bearer {ann[:20]}", f"Bearer {ann}x", f"Bearer {ann[4:]}"),
        *(f"Bearer {ann.swapcase()}", f"Bearer {ann[::-1]}", "Bearer rag_" + "A" * 43),
        *(f"Bearer  {ann}", f"Bearer {ann[:9]} {ann[9:]}", f"Bearer\t{ann}", f"Bearer {ann} {ann}"),
        *(f"Bearer {ann},{ann}", f"Bearer {ann}, Bearer {ann}", f'Bearer "{ann}"', f"Bearer={ann}"),
        *(f"Bearer {bob}", f"Bearer {kept}", f"Bearer {session_of(ann)}", "Bearer ann"),
        *("Bearer *", "Bearer null", "Bearer " + "A" * 8_000),
    ]
    for header in wrong:
        assert not let_in(client.get("/api/release", headers={"Authorization": header})), header
    raw = client.get("/api/release", headers={b"Authorization": b"Bearer \xff\xfe" + ann.encode()})
    assert not let_in(raw)
    assert ask(client, ann)


def test_a_key_given_twice_is_refused_even_if_both_are_right(client: httpx.Client, ann: str):
    right, wrong = ("Authorization", f"Bearer {ann}"), ("authorization", "Bearer rag_wrong")
    for headers in ([right, right], [right, wrong], [wrong, right]):
        assert not let_in(client.get("/api/release", headers=headers))


@pytest.mark.parametrize("name", ["key", "api_key", "access_token", "token", "authorization"])
def test_a_key_in_the_query_or_another_header_is_no_key(client: httpx.Client, ann: str, name: str):
    assert not let_in(client.get("/api/release", params={name: ann}))
    assert not let_in(client.get("/api/release", params={name: f"Bearer {ann}"}))
    assert not let_in(client.get("/api/release", headers={f"X-{name.replace('_', '-')}": ann}))
    assert not let_in(client.get("/api/release", headers={"Cookie": f"{name}={ann}"}))


def test_a_wrong_key_is_answered_as_none_is(client: httpx.Client, ann: str):
    none = client.get("/api/release")
    nearly = client.get("/api/release", headers=bearer(ann[:-1]))
    assert none.json() == nearly.json()


def test_the_first_key_closes_a_running_service_and_the_last_opens_it(
    client: httpx.Client, keys: Keys
):
    assert let_in(client.get("/api/release"))
    ann = keys.add("ann")
    assert not let_in(client.get("/api/release"))
    assert ask(client, ann)
    keys.revoke("ann")
    assert let_in(client.get("/api/release"))


def test_a_revoked_key_is_refused_at_once(client: httpx.Client, keys: Keys, ann: str):
    bob = keys.add("bob")
    assert ask(client, bob)
    keys.revoke("bob")
    assert not ask(client, bob)
    assert ask(client, ann)


def test_beyond_loopback_a_service_whose_last_key_went_answers_nobody(
    live: LiveRelease, keys: Keys, ann: str
):
    with serving(live, rules=Rules(keys=keys, hosts=())) as client:
        assert ask(client, ann)
        keys.revoke("ann")
        for host in ("127.0.0.1", "localhost", "chat.example.org"):
            assert not let_in(client.get("/api/release", headers={"Host": host}))
            assert not let_in(client.get("/api/release", headers=bearer(ann) | {"Host": host}))


def test_a_damaged_file_of_keys_lets_nobody_in_and_is_logged_once(
    client: httpx.Client, tmp_path: Path, ann: str, caplog: pytest.LogCaptureFixture
):
    written = (tmp_path / "keys.json").read_bytes()
    (tmp_path / "keys.json").write_text('{"keys": [')
    for path in ("/api/release", "/readyz", "/", "/api/me", "/metrics"):
        for headers in ({}, bearer(ann)):
            response = client.get(path, headers=headers)
            assert (response.status_code, response.json()["error"]["type"]) == (
                503,
                "keys_unreadable",
            )
    assert client.post("/api/login", json={"key": ann}).status_code == 503
    assert client.get("/livez").status_code == 200
    told = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert [str(tmp_path / "keys.json") in r.getMessage() for r in told] == [True]
    (tmp_path / "keys.json").write_bytes(written)
    assert ask(client, ann)


@pytest.mark.parametrize("host", ["chat.example.org", "10.0.0.7:8000", "127.0.0.1"])
def test_with_a_key_the_service_answers_under_any_name(client: httpx.Client, ann: str, host: str):
    assert let_in(client.get("/api/release", headers=bearer(ann) | {"Host": host}))
    assert not let_in(client.get("/api/release", headers={"Host": host}))


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({}, True),
        ({"Origin": "http://attacker.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://["}, False),
        ({"Origin": "http://127.0.0.1:1"}, False),
        ({"Origin": "http://chat.example", "Host": "localhost"}, False),
        ({"Origin": "http://localhost", "Host": "localhost"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, True),
        # A proxy may change the name; the browser's own word on the matter goes first.
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://chat.example"}, True),
    ],
)
@pytest.mark.parametrize("keyed", [False, True])
def test_what_another_sites_page_sends_changes_nothing(
    client: httpx.Client, keys: Keys, headers: dict[str, str], taken: bool, keyed: bool
):
    cookie = {"Cookie": f"{COOKIE}={session_of(keys.add('ann'))}"} if keyed else {}
    response = client.post("/admin/reload", headers=headers | cookie)
    assert response.status_code == (202 if taken else 403), response.text
    assert taken or response.json()["error"]["type"] == "cross_origin"


def test_no_key_stands_in_any_log_or_answer(
    client: httpx.Client,
    keys: Keys,
    ann: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    """Rows B11 and B16, at the most talkative level."""
    caplog.set_level(logging.DEBUG)
    session, hashed = session_of(ann), keys.all()[0].sha256
    answers = [
        client.get("/api/release", headers=bearer(ann)),
        client.get("/api/release", headers=bearer(ann + "x")),
        client.get("/api/release", params={"key": ann}),
        client.get(f"/api/{ann}", headers=bearer(ann)),
        client.post("/api/login", json={"key": ann}),
        client.post("/api/login", json={"key": ann + "x"}),
        client.post("/api/login", json={"key": [ann]}),
        client.post("/api/login", json={"kee": ann}),
        client.post("/api/login", content=f'{{"key": "{ann}'),
        client.post("/api/question", json={"question": "a", "user_id": ann}, headers=bearer(ann)),
        client.get("/docs", headers=bearer(ann)),
        client.get("/metrics", headers=bearer(ann)),
    ]
    (tmp_path / "keys.json").write_text(f'{{"keys": ["{ann}", "{hashed}"]}}')
    answers.append(client.get("/api/release", headers=bearer(ann)))
    theirs = ("httpx", "httpcore", "uvicorn.access")  # the last one is on in tests alone
    told = [r for r in caplog.records if not r.name.startswith(theirs)]
    logged = logging.Formatter()
    text = "\n".join(logged.format(record) for record in told)
    assert "keys.json" in text, "the service's own log is seen here"
    for secret in (ann, session, hashed):
        assert secret not in text
        assert not [answer.request.url.path for answer in answers if secret in answer.text]


def test_without_keys_the_service_is_asked_by_its_own_names_only(client: httpx.Client):
    for host in LOOPBACK_NAMES:
        assert let_in(client.get("/api/release", headers={"Host": host}))
    response = client.get("/", headers={"Host": "attacker.example"})
    assert (response.status_code, response.json()["error"]["type"]) == (400, "wrong_host")
