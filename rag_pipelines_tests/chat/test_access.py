"""Row B12, the part that needs no history: a request speaks for its key's user alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel

from rag_pipelines.chat.access import user_of
from rag_pipelines.chat.gate import COOKIE, Gate, Rules
from rag_pipelines.chat.keys import Keys, session_of
from rag_pipelines.chat.refusals import tell_errors
from rag_pipelines_tests.chat.service import running


class Body(BaseModel):
    user_id: str | None = None


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def client(keys: Keys) -> Iterator[httpx.Client]:
    app = FastAPI()
    app.add_middleware(Gate, rules=Rules(keys=keys))
    tell_errors(app)

    @app.post("/whose")
    def body(body: Body, request: Request) -> str:
        return user_of(request, body.user_id)

    @app.get("/whose")
    def query(request: Request, user_id: str | None = None) -> str:
        return user_of(request, user_id)

    with running(app) as base, httpx.Client(base_url=base, trust_env=False) as client:
        yield client


@pytest.fixture
def ann(keys: Keys) -> dict[str, str]:
    keys.add("bob")
    return {"Authorization": f"Bearer {keys.add('ann')}"}


def whose(client: httpx.Client, headers: dict[str, str], **named: Any) -> list[httpx.Response]:
    """The user that a route is told, named in the body and in the query."""
    return [
        client.post("/whose", json=named, headers=headers),
        client.get("/whose", params=named, headers=headers),
    ]


@pytest.mark.parametrize("named", [{}, {"user_id": ""}, {"user_id": "ann"}])
def test_the_user_is_the_keys(client: httpx.Client, ann: dict[str, str], named: dict[str, str]):
    assert [answer.json() for answer in whose(client, ann, **named)] == ["ann", "ann"]


@pytest.mark.parametrize(
    "other", ["bob", "Ann", "ann ", "ann\0", "local", "*", "../ann", "\uff41nn"]
)
def test_another_user_is_foreign(client: httpx.Client, ann: dict[str, str], other: str):
    for answer in whose(client, ann, user_id=other):
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "foreign_user")
        assert other.strip() in ("ann", "*", "local") or other not in answer.text


@pytest.mark.parametrize("wrong", [{"$ne": None}, ["ann"], 7, True])
def test_a_user_of_another_type_is_a_mistake(
    client: httpx.Client, ann: dict[str, str], wrong: object
):
    assert client.post("/whose", json={"user_id": wrong}, headers=ann).status_code == 422


def test_a_cookie_speaks_for_its_keys_user_too(client: httpx.Client, keys: Keys):
    cookie = {"Cookie": f"{COOKIE}={session_of(keys.add('ann'))}"}
    assert [answer.json() for answer in whose(client, cookie)] == ["ann", "ann"]
    client.cookies.clear()
    assert [a.status_code for a in whose(client, cookie, user_id="bob")] == [403, 403]


def test_without_keys_a_user_is_a_name_as_given(client: httpx.Client):
    assert [answer.json() for answer in whose(client, {})] == ["local", "local"]
    assert [answer.json() for answer in whose(client, {}, user_id="bob")] == ["bob", "bob"]
    headers = {"Authorization": "Bearer rag_left_over"}
    assert [answer.json() for answer in whose(client, headers)] == ["local", "local"]
