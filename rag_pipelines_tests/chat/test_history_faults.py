"""Row F10 at the service: a MongoDB server that is down, slow or dies, and comes back."""

import gc
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from pymongo import MongoClient

from rag_pipelines.chat.asking import OnFailure
from rag_pipelines.chat.history.mongo import MongoHistory
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish
from rag_pipelines_tests.chat.history.mongo_server import Line, free_port, mongo_server, proxied
from rag_pipelines_tests.chat.service import ready, serving, until

pytestmark = [
    pytest.mark.mongo,
    # pymongo leaves a socket open that it is connecting when its client is closed.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
NOT_WRITABLE_PRIMARY = 10107
Admin = MongoClient[dict[str, Any]]
FURTHER = 12
"""Questions while the server fails: a minute, if each waited."""
POLICIES: list[OnFailure] = ["refuse", "degrade"]


@pytest.fixture(autouse=True)
def _left_by_none() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture(scope="module")
def mongo_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with mongo_server(tmp_path_factory.mktemp("mongo"), port):
        yield port


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Admin]]:
    """Where a replica set's only member listens, once it is the primary, and a client of it."""
    port = free_port()
    with (
        mongo_server(tmp_path_factory.mktemp("primary"), port, alone=False),
        Admin(f"mongodb://127.0.0.1:{port}/?directConnection=true") as admin,
    ):
        until(lambda: admin.admin.command("hello")["isWritablePrimary"])
        yield f"mongodb://127.0.0.1:{port}", admin


@pytest.fixture
def replica_set(primary: tuple[str, Admin]) -> tuple[str, Admin]:
    """The URL of a database of the test's own in that set, and that client."""
    address, admin = primary
    name = admin.admin.command("hello")["setName"]
    return f"{address}/{uuid4().hex}?replicaSet={name}", admin


@pytest.fixture
def proxy(mongo_port: int) -> Iterator[tuple[int, Line]]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(proxied(mongo_port)) as found,
    ):
        yield found


def ask(client: httpx.Client) -> httpx.Response:
    return client.post("/api/question", json={"question": QUESTION, "session_id": "s-1"})


def kept(client: httpx.Client) -> list[dict[str, Any]]:
    return client.get("/api/sessions/s-1").json()["messages"]


def once_it_answers(client: httpx.Client) -> dict[str, Any]:
    """The first answer that is stored."""
    told: list[httpx.Response] = []
    until(lambda: told.append(ask(client)) or told[-1].json().get("history") == "stored")
    return told[-1].json()


def held_to(policy: OnFailure, told: httpx.Response) -> None:
    """A failure is told: by a refusal, or by a mark on the answer."""
    if policy == "refuse":
        assert (told.status_code, told.json()["error"]["type"]) == (503, "history_unavailable")
        assert int(told.headers["retry-after"]) >= 1
    else:
        assert (told.status_code, told.json()["history"]) == (200, "failed")
        assert told.json()["citations"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "policy"), [("silent", "refuse"), ("cut", "degrade"), ("silent", "degrade")]
)
def test_a_server_that_fails_is_told_by_policy_and_used_again_when_it_answers(
    live: LiveRelease,
    releases: Releases,
    proxy: tuple[int, Line],
    policy: OnFailure,
    fault: str,
):
    """Row F10: slow, and cut off. One question waits for the server, those after it do not."""
    publish(releases, 1)
    port, line = proxy
    history = MongoHistory(f"mongodb://127.0.0.1:{port}/{uuid4().hex}")
    with serving(live, history=history, on_history_failure=policy) as client:
        until(lambda: ready(client, 1))
        stored = [ask(client).json()]
        line.state = fault
        for _ in range(FURTHER):
            held_to(policy, ask(client))
        line.state = "open"
        stored.append(once_it_answers(client))
        assert [answer["history"] for answer in stored] == ["stored", "stored"]
        turns = kept(client)
    answers = [turn["answer_id"] for turn in turns if turn["role"] == "assistant"]
    assert answers == [answer["answer_id"] for answer in stored]
    assert [turn["seq"] for turn in turns] == list(range(1, len(turns) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_a_server_that_dies_under_an_answer_is_told_with_it(
    live: LiveRelease, releases: Releases, echo: Echo, proxy: tuple[int, Line], policy: OnFailure
):
    """Row F10: the question is stored, and then the server dies."""
    publish(releases, 1)
    port, line = proxy
    history = MongoHistory(f"mongodb://127.0.0.1:{port}/{uuid4().hex}")
    with serving(live, history=history, on_history_failure=policy) as client:
        until(lambda: ready(client, 1))
        echo.goes_on = Event()
        told: list[httpx.Response] = []
        asking = Thread(target=lambda: told.append(ask(client)))
        asking.start()
        until(echo.started.is_set)
        line.state = "cut"
        echo.goes_on.set()
        asking.join()
        held_to(policy, told[0])
        line.state = "open"
        until(lambda: client.get("/api/sessions/s-1").status_code == 200)
        (question,) = kept(client)
        assert (question["role"], question["content"]) == ("user", QUESTION)


@pytest.mark.slow
def test_a_server_that_is_down_at_the_start_is_used_once_it_is_up(
    live: LiveRelease, releases: Releases, tmp_path: Path
):
    """Row F10: down at start."""
    publish(releases, 1)
    port = free_port()
    with serving(live, history=MongoHistory(f"mongodb://127.0.0.1:{port}/chat")) as client:
        until(lambda: ready(client, 1))
        held_to("refuse", ask(client))
        with mongo_server(tmp_path, port):
            assert once_it_answers(client)["history"] == "stored"
            assert [turn["role"] for turn in kept(client)] == ["user", "assistant"]


def stepped_down(
    admin: MongoClient[dict[str, Any]], command: str, times: int | None = None
) -> None:
    """That command finds no primary, so many times; None is until it is told otherwise."""
    mode = "alwaysOn" if times is None else {"times": times} if times else "off"
    fails = {"failCommands": [command], "errorCode": NOT_WRITABLE_PRIMARY}
    admin.admin.command("configureFailPoint", "failCommand", mode=mode, data=fails)


def whole(turns: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    """Each question and its answer once, in order, and nothing else."""
    stored = [turn["answer_id"] for turn in turns if turn["role"] == "assistant"]
    assert stored == [answer["answer_id"] for answer in answers]
    assert [turn["role"] for turn in turns] == ["user", "assistant"] * len(answers)
    assert [turn["seq"] for turn in turns] == list(range(1, len(turns) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("command", ["find", "insert", "update"])
def test_a_primary_that_steps_down_once_is_asked_again_and_nothing_is_lost(
    live: LiveRelease, releases: Releases, replica_set: tuple[str, Admin], command: str
):
    """Row F10: failover, short: the next command meets a member that is no primary any more."""
    publish(releases, 1)
    url, admin = replica_set
    with serving(live, history=MongoHistory(url)) as client:
        until(lambda: ready(client, 1))
        answers = [ask(client).json()]
        stepped_down(admin, command, times=1)
        answers.append(ask(client).json())
        assert [answer["history"] for answer in answers] == ["stored", "stored"]
        whole(kept(client), answers)


@pytest.mark.slow
def test_a_set_without_a_primary_is_told_and_used_again_once_there_is_one(
    live: LiveRelease, releases: Releases, replica_set: tuple[str, Admin]
):
    """Row F10: failover, long: no member takes writes for a while."""
    publish(releases, 1)
    url, admin = replica_set
    with serving(live, history=MongoHistory(url)) as client:
        until(lambda: ready(client, 1))
        answers = [ask(client).json()]
        stepped_down(admin, "insert")
        held_to("refuse", ask(client))
        stepped_down(admin, "insert", times=0)
        answers.append(once_it_answers(client))
        whole(kept(client), answers)


@pytest.mark.slow
def test_a_server_that_was_started_again_between_two_questions_is_no_failure(
    live: LiveRelease, releases: Releases, tmp_path: Path
):
    """Row F10: connections that were opened before are of no use any more."""
    publish(releases, 1)
    port = free_port()
    with serving(live, history=MongoHistory(f"mongodb://127.0.0.1:{port}/chat")) as client:
        until(lambda: ready(client, 1))
        answers: list[dict[str, Any]] = []
        for _ in range(2):
            with mongo_server(tmp_path, port):
                answers.append(ask(client).json())
                whole(kept(client), answers)
