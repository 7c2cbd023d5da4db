"""Row B12: two users with keys do as they like, and neither sees or changes what is the other's.

The model is what each user was last told of a session of his own: whatever the other one does, it
is told again to the letter. Sessions are named from one small pool, so that the two collide.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rag_pipelines.chat.gate import Rules
from rag_pipelines.chat.history.protocol import ChatHistory
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines.chat.keys import Keys
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish
from rag_pipelines_tests.chat.history.mongo_server import free_port, mongo_server
from rag_pipelines_tests.chat.service import app_over, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

T = TypeVar("T")
Told = dict[str, Any]
USERS = st.sampled_from(["ann", "bob"])
OTHER = {"ann": "bob", "bob": "ann"}
NUMBERS = st.integers(0, 50)
NAMES = st.sampled_from(["s1", "s2", "s3"])
TEXTS = st.sampled_from(
    [QUESTION, "How do parcels to islands travel?", "Who is the king?", "\u00e9"]
)
WRONG_TYPES = st.sampled_from([{"$ne": None}, {"$gt": ""}, ["s1"], 7, True, {"$where": "1"}])
STRANGE = st.sampled_from(
    [
        *(
            "..",
            "../s1",
            "..%2fs1",
            "%2e%2e%2fs1",
            "s1/../s2",
            "s1%2f..%2fs2",
            "s1%00",
            "s1;",
            "s1%20",
        ),
        *(
            "$ne",
            "{$ne:null}",
            '{"$gt":""}',
            "[$regex]=.*",
            "s%",
            "_",
            "*",
            "' OR '1'='1",
            "S1",
            "\uff531",
        ),
        *("0", "null", "undefined", "true", "-1", "00000000000000000000000000000000", "s" * 65),
    ]
)
CALLS = st.sampled_from(["read", "export", "rename", "delete"])


def picked(items: Iterable[T], number: int) -> T:
    found = list(items)
    return found[number % len(found)]


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["type"]


class TwoUsers(RuleBasedStateMachine):
    """Each example has users of its own, so that none inherits another's sessions."""

    client: ClassVar[httpx.Client]
    keys: ClassVar[Keys]
    number: ClassVar[Iterator[int]]
    steps: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.run = next(self.number)
        self.names = {who: f"{who}-{self.run}" for who in ("ann", "bob")}
        bearer = {who: self.keys.add(name) for who, name in self.names.items()}
        self.headers = {who: {"Authorization": f"Bearer {key}"} for who, key in bearer.items()}
        self.told: dict[str, tuple[str, Told]] = {}
        """Of each session whose it is, and what he was last told of it."""
        self.answers: dict[str, str] = {}
        """Of each answer that was ever given, in which session."""

    def call(self, who: str, method: str, path: str, **more: Any) -> httpx.Response:
        response = self.client.request(method, path, headers=self.headers[who], **more)
        assert response.status_code < 500, response.text
        return response

    def owner(self, session: str) -> str | None:
        return self.told[session][0] if session in self.told else None

    def named(self, name: str) -> str:
        return f"{name}-{self.run}"

    def refresh(self, who: str, session: str) -> Told:
        response = self.call(who, "GET", f"/api/sessions/{session}")
        assert response.status_code == 200
        self.told[session] = who, response.json()
        return response.json()

    def on(self, who: str, call: str, session: str, **query: Any) -> httpx.Response:
        path = f"/api/sessions/{session}"
        match call:
            case "read":
                return self.call(who, "GET", path, params=query)
            case "export":
                return self.call(who, "GET", f"{path}/export", params=query)
            case "rename":
                return self.call(who, "PATCH", path, params=query, json={"title": f"{who}'s"})
            case _:
                return self.call(who, "DELETE", path, params=query)

    @rule(who=USERS, name=NAMES, text=TEXTS, by=st.sampled_from(["question", "stream", "openai"]))
    def ask(self, who: str, name: str, text: str, by: str) -> None:
        session = self.named(name)
        if by == "openai":
            body = {"messages": [{"role": "user", "content": text}], "session_id": session}
            response = self.call(who, "POST", "/v1/chat/completions", json=body)
        else:
            body = {"question": text, "session_id": session, "stream": by == "stream"}
            response = self.call(who, "POST", "/api/question", json=body)
        if self.owner(session) not in (None, who):
            assert error(response) == (404, "unknown_session")
            return
        assert response.status_code == 200
        before = self.told[session][1]["messages"] if session in self.told else []
        messages = self.refresh(who, session)["messages"]
        *earlier, asked, answer = messages
        assert earlier == before
        assert (asked["content"], asked["role"], answer["role"]) == (text, "user", "assistant")
        assert answer["answer_id"] in response.text
        self.answers[answer["answer_id"]] = session

    @initialize()
    def begin(self) -> None:
        for who, name in (("ann", "s1"), ("bob", "s2")):
            self.ask(who, name, QUESTION, "question")

    @precondition(lambda self: self.told)
    @rule(number=NUMBERS, call=CALLS)
    def use(self, number: int, call: str) -> None:
        session, (who, told) = picked(self.told.items(), number)
        response = self.on(who, call, session)
        if call == "delete":
            assert response.status_code == 204
            del self.told[session]
        elif call == "rename":
            assert response.json()["title"] == f"{who}'s"
            assert self.refresh(who, session) == told | {"title": f"{who}'s"}
        else:
            assert (response.status_code, response.json()) == (200, told)

    @precondition(lambda self: self.told)
    @rule(number=NUMBERS, call=CALLS)
    def intrude(self, number: int, call: str) -> None:
        session, (who, told) = picked(self.told.items(), number)
        assert error(self.on(OTHER[who], call, session)) == (404, "unknown_session")
        assert self.call(who, "GET", f"/api/sessions/{session}").json() == told

    @precondition(lambda self: self.told)
    @rule(number=NUMBERS, text=TEXTS)
    def intrude_with_a_question(self, number: int, text: str) -> None:
        session, (who, _) = picked(self.told.items(), number)
        self.ask(OTHER[who], session.rpartition("-")[0], text, "question")

    @rule(who=USERS, other=USERS, name=NAMES, call=CALLS | st.sampled_from(["list", "ask", "rate"]))
    def name_a_user(self, who: str, other: str, name: str, call: str) -> None:
        """Only one's own name may be named; then it is as if none were."""
        session, user = self.named(name), self.names[other]
        if who == other:
            user += "x"
        match call:
            case "list":
                response = self.call(who, "GET", "/api/sessions", params={"user_id": user})
            case "ask":
                body = {"question": QUESTION, "session_id": session, "user_id": user}
                response = self.call(who, "POST", "/api/question", json=body)
            case "rate":
                answer = next(iter(self.answers), "none")
                body = {"answer_id": answer, "rating": "up", "user_id": user}
                response = self.call(who, "POST", "/api/feedback", json=body)
            case _:
                response = self.on(who, call, session, user_id=user)
        assert error(response) == (403, "foreign_user")

    @rule(
        who=USERS,
        wrong=WRONG_TYPES,
        place=st.sampled_from(
            [
                ("/api/question", {"question": QUESTION}, "session_id"),
                ("/api/question", {"question": QUESTION}, "user_id"),
                (
                    "/v1/chat/completions",
                    {"messages": [{"role": "user", "content": "a"}]},
                    "session_id",
                ),
                ("/api/feedback", {"rating": "up"}, "answer_id"),
                ("/api/feedback", {"answer_id": "a", "rating": "up"}, "user_id"),
            ]
        ),
    )
    def name_no_text(self, who: str, wrong: Any, place: tuple[str, Told, str]) -> None:
        path, body, field = place
        response = self.call(who, "POST", path, json=body | {field: wrong})
        assert error(response) == (422, "invalid_request")

    @rule(who=USERS, strange=STRANGE, call=CALLS)
    def guess(self, who: str, strange: str, call: str) -> None:
        response = self.on(who, call, strange)
        assert response.status_code in (404, 405, 422)
        body = {"question": QUESTION, "session_id": strange}
        asked = self.call(who, "POST", "/api/question", json=body)
        if asked.status_code == 200:  # it is a name like any other, and now his
            assert self.on(who, "delete", asked.json()["session_id"]).status_code == 204
        else:
            assert error(asked) in {(422, "invalid_request"), (404, "unknown_session")}

    @precondition(lambda self: self.answers)
    @rule(who=USERS, number=NUMBERS, rating=st.sampled_from(["up", "down"]))
    def rate(self, who: str, number: int, rating: str) -> None:
        """Who was given an answer may rate it, until its session is deleted."""
        answer, session = picked(self.answers.items(), number)
        body = {"answer_id": answer, "rating": rating}
        response = self.call(who, "POST", "/api/feedback", json=body)
        told = self.told[session][1] if self.owner(session) == who else {"messages": []}
        rated = [m for m in told["messages"] if m["answer_id"] == answer]
        if not rated:
            assert error(response) == (404, "unknown_answer")
            return
        assert response.status_code == 204
        rated[1]["rating"] = rating
        assert self.refresh(who, session) == told

    @precondition(lambda self: self.answers)
    @rule(who=USERS, number=NUMBERS)
    def trace(self, who: str, number: int) -> None:
        """Who was given an answer may trace it, until its session is deleted."""
        answer, session = picked(self.answers.items(), number)
        response = self.call(who, "GET", f"/api/answers/{answer}/lineage")
        told = self.told[session][1] if self.owner(session) == who else {"messages": []}
        if answer in {message["answer_id"] for message in told["messages"]}:
            assert (response.status_code, response.json()["answer_id"]) == (200, answer)
        else:
            assert error(response) == (404, "unknown_answer")

    @rule(who=USERS, query=st.sampled_from(["user_id[$ne]=x", "limit[$gt]=1", "session_id=s1"]))
    def list_with_operators(self, who: str, query: str) -> None:
        response = self.call(who, "GET", f"/api/sessions?{query}")
        assert {each["session_id"] for each in response.json()["sessions"]} == self.of(who)

    def of(self, who: str) -> set[str]:
        return {session for session, (owner, _) in self.told.items() if owner == who}

    @invariant()
    def each_has_what_is_his(self) -> None:
        type(self).steps += 1
        for who in ("ann", "bob"):
            listed = self.call(who, "GET", "/api/sessions").json()["sessions"]
            assert {each["session_id"] for each in listed} == self.of(who)

    def teardown(self) -> None:
        for session, (owner, told) in self.told.items():
            assert self.call(owner, "GET", f"/api/sessions/{session}").json() == told


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.mongo)])
def history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChatHistory]:
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'history.db'}"
        if request.param == "mongodb":
            port = free_port()
            stack.enter_context(mongo_server(tmp_path, port))
            url = f"mongodb://127.0.0.1:{port}/rag"
        yield open_history(url)


@pytest.mark.slow
def test_two_users_never_meet(
    history: ChatHistory, releases: Releases, tmp_path: Path, request: pytest.FixtureRequest
):
    publish(releases, 1)
    keys = Keys(tmp_path / "keys.json")
    live = LiveRelease(releases, TopicEmbedder(), lambda name: Echo())
    full = request.config.getoption("--full")
    wanted = 10_000 if full else 100 if "mongodb" in request.node.name else 1_000
    app = app_over(live, rules=Rules(keys=keys), history=history)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        until(lambda: client.get("/readyz").json()["status"] == "ok")

        class Machine(TwoUsers):
            pass

        Machine.client, Machine.keys, Machine.number, Machine.steps = client, keys, count(), 0
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=wanted // 40 + 2,
                stateful_step_count=50,
                deadline=None,
                derandomize=not full,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(f"{Machine.steps} steps")
    assert Machine.steps >= wanted
