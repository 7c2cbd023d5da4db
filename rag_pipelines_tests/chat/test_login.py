"""Logging in with a browser, over a real socket, as `httpx` keeps cookies."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rag_pipelines.chat.gate import COOKIE, Rules
from rag_pipelines.chat.keys import Keys, session_of
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.login import WRONG
from rag_pipelines_tests.chat.editions import Echo, releases_in
from rag_pipelines_tests.chat.service import serving
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def ann(keys: Keys) -> str:
    return keys.add("ann")


def service(folder: Path, keys: Keys):
    live = LiveRelease(releases_in(folder), TopicEmbedder(), lambda name: Echo())
    return serving(live, rules=Rules(keys=keys))


@pytest.fixture
def browser(tmp_path: Path, keys: Keys, ann: str) -> Iterator[httpx.Client]:
    with service(tmp_path, keys) as client:
        yield client


def let_in(client: httpx.Client) -> bool:
    return client.get("/api/release").status_code != 401


def me(client: httpx.Client) -> dict[str, object]:
    return client.get("/api/me").json()


def test_a_browser_is_let_in_after_it_logged_in_until_it_logs_out(browser: httpx.Client, ann: str):
    assert not let_in(browser)
    outside = {"user": None, "keys": True, "logged_in": False, "revoked": False}
    assert me(browser) == outside
    assert browser.post("/api/login", json={"key": f" {ann}\n"}).status_code == 204
    assert let_in(browser)
    assert me(browser) == outside | {"user": "ann", "logged_in": True}
    assert browser.post("/api/logout").status_code == 204
    assert not let_in(browser)
    assert me(browser) == outside


def test_the_cookie_is_for_this_sites_own_pages_and_holds_no_key(browser: httpx.Client, ann: str):
    cookie = browser.post("/api/login", json={"key": ann}).headers["set-cookie"]
    assert ann not in cookie
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} < parts
    assert "secure" not in parts
    assert not [part for part in parts if part.startswith("domain")]


def test_the_cookie_is_secure_where_the_browser_came_by_https(browser: httpx.Client, ann: str):
    headers = {"Origin": "https://chat.example", "Host": "chat.example"}
    response = browser.post("/api/login", json={"key": ann}, headers=headers)
    assert "secure" in response.headers["set-cookie"].lower()


def test_the_cookie_ends_with_its_key_and_outlives_a_restart(
    browser: httpx.Client, tmp_path: Path, keys: Keys, ann: str
):
    browser.post("/api/login", json={"key": ann})
    cookies = dict(browser.cookies)
    with service(tmp_path, Keys(tmp_path / "keys.json")) as restarted:
        restarted.cookies.update(cookies)
        assert let_in(restarted)
        keys.add("bob")
        keys.revoke("ann")
        assert not let_in(restarted)
        assert me(restarted)["revoked"]
        keys.add("ann")
        assert not let_in(restarted), "another key of the same user"


@pytest.mark.parametrize("value", ["", "x", "ann", "0" * 64, "a" * 8_000])
def test_a_made_up_cookie_lets_nobody_in(browser: httpx.Client, keys: Keys, ann: str, value: str):
    for made_up in (value, ann, keys.all()[0].sha256, session_of(ann)[:-1]):
        assert browser.get("/api/release", headers={"Cookie": f"{COOKIE}={made_up}"}).is_error
        browser.cookies.clear()


def test_a_wrong_header_is_not_mended_by_a_cookie(browser: httpx.Client, ann: str):
    browser.post("/api/login", json={"key": ann})
    headers = {"Authorization": f"Bearer {ann}x"}
    assert browser.get("/api/release", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "body",
    [{}, {"key": ""}, {"key": None}, {"key": 7}, {"key": ["x"]}, {"key": "x" * 201}, [], "x"],
)
def test_a_login_without_a_key_is_a_mistake(browser: httpx.Client, body: object):
    assert browser.post("/api/login", json=body).status_code == 422


def test_another_sites_page_cannot_log_a_browser_in(browser: httpx.Client, ann: str):
    headers = {"Origin": "http://attacker.example"}
    assert browser.post("/api/login", json={"key": ann}, headers=headers).status_code == 403
    assert not let_in(browser)


def test_wrong_keys_are_bounded_and_shut_nobody_else_out(browser: httpx.Client, ann: str):
    answers = [browser.post("/api/login", json={"key": f"rag_{n}"}) for n in range(WRONG.calls + 5)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [401] * WRONG.calls + [429] * 5
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert browser.post("/api/login", json={"key": ann}).status_code == 204


def test_without_keys_there_is_nothing_to_log_in_to(tmp_path: Path):
    with service(tmp_path, Keys(tmp_path / "keys.json")) as client:
        inside = {"user": "local", "keys": False, "logged_in": False, "revoked": False}
        assert me(client) == inside
        assert client.post("/api/login", json={"key": "rag_x"}).status_code == 401
