"""Conversations and feedback over HTTP, from a real store."""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from rag_pipelines.chat.feedback import feedback_routes
from rag_pipelines.chat.history.protocol import ChatHistory
from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.chat.refusals import tell_errors
from rag_pipelines.chat.sessions import session_routes
from rag_pipelines_tests.chat.history.talk import CITATION, exchange

Client = httpx.Client


@pytest.fixture
def history(tmp_path: Path) -> Iterator[ChatHistory]:
    history = SqliteHistory(tmp_path / "history.db")
    asyncio.run(filled(history))
    yield history
    asyncio.run(history.close())


async def filled(history: ChatHistory) -> None:
    for name in ("s1", "s2"):
        await exchange(history, "volts", name)
    await exchange(history, "secret", "bens", "ben")


@pytest.fixture
def client(history: ChatHistory) -> Client:
    app = FastAPI()
    tell_errors(app)
    app.include_router(session_routes(history))
    app.include_router(feedback_routes(history))
    return TestClient(app)


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["type"]


def test_sessions_are_listed_page_by_page(client: Client):
    (first,) = client.get("/api/sessions?user_id=ann&limit=1").json()["sessions"]
    assert (first["session_id"], first["title"], first["turns"]) == ("s2", "volts", 2)
    asked = {"user_id": "ann", "before": first["updated_at"]}
    (second,) = client.get("/api/sessions", params=asked).json()["sessions"]
    assert second["session_id"] == "s1"
    assert set(second) == {"session_id", "title", "turns", "created_at", "updated_at"}
    assert client.get("/api/sessions").json() == {"sessions": []}


def test_a_session_is_read_with_its_messages(client: Client):
    told = client.get("/api/sessions/s1?user_id=ann").json()
    asked, answer = told.pop("messages")
    assert (asked["seq"], asked["role"], asked["content"]) == (1, "user", "volts")
    assert answer == {
        "seq": 2,
        "role": "assistant",
        "content": "Four volts [1].",
        "answer_id": "s1-volts",
        "citations": [asdict(CITATION)],
        "release": "v000001-abc",
        "generation": 7,
        "model": "fake",
        "prompt": "digest",
        "grounded": 0.75,
        "abstained": True,
        "state": "interrupted",
        "created_at": told["updated_at"],
        "rating": None,
    }


def test_a_session_is_renamed(client: Client):
    told = client.patch("/api/sessions/s1?user_id=ann", json={"title": "Größe <b>"}).json()
    assert told["title"] == "Größe <b>"
    assert client.get("/api/sessions/s1?user_id=ann").json()["title"] == "Größe <b>"


def test_a_deleted_session_is_gone(client: Client):
    deleted = client.delete("/api/sessions/s1?user_id=ann")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert error(client.get("/api/sessions/s1?user_id=ann")) == (404, "unknown_session")
    assert error(client.delete("/api/sessions/s1?user_id=ann")) == (404, "unknown_session")


def test_a_session_is_exported_as_a_file(client: Client):
    exported = client.get("/api/sessions/s1/export?user_id=ann")
    assert exported.json() == client.get("/api/sessions/s1?user_id=ann").json()
    assert exported.headers["content-type"] == "application/json"
    named = exported.headers["content-disposition"]
    assert named == 'attachment; filename="conversation-s1.json"'


@pytest.mark.parametrize("user", ["user_id=ann", ""])
def test_another_users_session_is_as_if_it_were_not_there(client: Client, user: str):
    before = client.get("/api/sessions/bens?user_id=ben").json()
    foreign = f"/api/sessions/bens?{user}"
    answers = (
        client.get(foreign),
        client.patch(foreign, json={"title": "mine"}),
        client.delete(foreign),
        client.get(f"/api/sessions/bens/export?{user}"),
    )
    assert {error(answer) for answer in answers} == {(404, "unknown_session")}
    opinion = {"answer_id": "bens-secret", "rating": "up", "user_id": "ann"}
    assert error(client.post("/api/feedback", json=opinion)) == (404, "unknown_answer")
    unknown = client.get(f"/api/sessions/nowhere?{user}").json()["error"]["message"]
    told = client.get(foreign).json()["error"]["message"]
    assert told == unknown.replace("nowhere", "bens")
    assert client.get("/api/sessions/bens?user_id=ben").json() == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/sessions/$where", {"title": "x"}),
        ("/api/sessions/s1%27--", {"title": "x"}),
        (f"/api/sessions/{'x' * 65}", {"title": "x"}),
        ("/api/sessions/s1", {"title": {"$gt": ""}}),
        ("/api/sessions/s1", {"title": " \n "}),
        ("/api/sessions/s1", {"title": "x" * 201}),
        ("/api/sessions/s1", {"title": "nul \0"}),
        ("/api/sessions/s1", {"title": "x", "user_id": "ben"}),
        ("/api/sessions/s1", {}),
        (f"/api/sessions/s1?user_id={'x' * 201}", {"title": "x"}),
    ],
)
def test_what_has_no_session_id_or_title_is_refused(client: Client, path: str, body: object):
    assert error(client.patch(path, json=body)) == (422, "invalid_request")


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "before=%24gt"])
def test_a_list_has_bounds(client: Client, query: str):
    assert error(client.get(f"/api/sessions?{query}")) == (422, "invalid_request")


def test_feedback_is_kept_with_where_the_answer_came_from(client: Client, history: ChatHistory):
    given = {"answer_id": "s1-volts", "rating": "up", "user_id": "ann"}
    assert client.post("/api/feedback", json=given).status_code == 204
    given |= {"rating": "down", "correction": "Five volts.", "comment": "no"}
    assert client.post("/api/feedback", json=given).status_code == 204
    (kept,) = asyncio.run(history.feedback())
    assert (kept.user_id, kept.rating, kept.correction) == ("ann", "down", "Five volts.")
    assert (kept.question, kept.answer) == ("volts", "Four volts [1].")
    assert (kept.release, kept.model, kept.prompt) == ("v000001-abc", "fake", "digest")
    assert kept.citations == [CITATION]
    messages = client.get("/api/sessions/s1?user_id=ann").json()["messages"]
    assert [message["rating"] for message in messages] == [None, "down"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rating": "best"},
        {"rating": None},
        {"answer_id": {"$ne": ""}},
        {"answer_id": "$ne"},
        {"correction": "x" * 10_001},
        {"comment": "x" * 4_001},
        {"comment": ["x"]},
        {"user_id": {"$gt": ""}},
        {"extra": 1},
    ],
)
def test_feedback_of_the_wrong_shape_is_refused(client: Client, wrong: dict[str, object]):
    given: dict[str, object] = {"answer_id": "s1-volts", "rating": "up", "user_id": "ann"}
    refused = client.post("/api/feedback", json=given | wrong)
    assert error(refused) == (422, "invalid_request")


def test_a_history_that_fails_is_told_and_may_be_tried_again(tmp_path: Path):
    (tmp_path / "history.db").mkdir()
    app = FastAPI()
    tell_errors(app)
    app.include_router(session_routes(SqliteHistory(tmp_path / "history.db")))
    refused = TestClient(app).get("/api/sessions")
    assert error(refused) == (503, "history_unavailable")
    assert "Retry-After" in refused.headers
