"""The service as a process of its own: many readers at once, killed with -9, ended by SIGTERM.

Behind it is a model on loopback that writes as a test lets it. One process serves until a test
ends it, and the next test starts another over the same state.
"""

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen
from threading import Event
from typing import Any

import httpx
import psutil
import pytest

from benchmarks import asking
from rag_pipelines.records import ModelRef
from rag_pipelines_tests.chat.editions import QUESTION, publish, releases_in
from rag_pipelines_tests.chat.service import process, until
from rag_pipelines_tests.inference.model_server import ModelServer, serving

pytestmark = pytest.mark.slow
ANSWER = "The warranty of the kettle lasts 2 years in edition 1."
CHATS = 50
STREAMS = 20


class Pen:
    """Writes the answer: the first words at once, the rest when what it waits for is set.

    `waits_for` says what that is for a question's prompt; None for nothing. `held` are the prompts
    whose answers wait.
    """

    def __init__(self) -> None:
        self.held: list[str] = []
        self.waits_for: Callable[[str], Event | None] = lambda prompt: None

    def __call__(self, body: Any) -> Iterator[str]:
        prompt = body["messages"][-1]["content"]
        first, rest = ANSWER.split(" lasts ")
        yield first
        if event := self.waits_for(prompt):
            self.held.append(prompt)
            event.wait(60)
            self.held.remove(prompt)
        yield f" lasts {rest}"


class Service:
    """Runs over one home, and again after it was ended."""

    def __init__(self, home: Path) -> None:
        self._home, self._stack = home, ExitStack()
        self.base = ""
        self.process: Popen[str] | None = None

    def run(self) -> Popen[str]:
        if self.process is None or self.process.poll() is not None:
            self._stack.close()
            running = process(self._home, RAG_SLOTS=str(CHATS), RAG_QUEUE="100")
            self.base, self.process = self._stack.enter_context(running)
        return self.process

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def pen() -> Pen:
    return Pen()


@pytest.fixture(scope="module")
def home(pen: Pen, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with serving(ModelServer(says=pen, context=4096, models=["pen"])) as model:
        home = tmp_path_factory.mktemp("served")
        publish(releases_in(home), 1, ModelRef(f"openai:pen@{model.address}/v1"))
        yield home


@pytest.fixture(scope="module")
def over(home: Path) -> Iterator[Service]:
    service = Service(home)
    yield service
    service.close()


@pytest.fixture
def service(over: Service, pen: Pen) -> Service:
    pen.waits_for = lambda prompt: None
    over.run()
    return over


def read(base: str, number: int) -> list[str]:
    """The events of a streamed answer in the session of that number, as far as they came."""
    body = {"question": f"{QUESTION} ({number})", "session_id": f"s-{number}", "stream": True}
    events: list[str] = []
    try:
        with httpx.stream(
            "POST", f"{base}/api/question", json=body, timeout=60, trust_env=False
        ) as response:
            assert response.status_code == 200
            events += (
                line.removeprefix("event: ")
                for line in response.iter_lines()
                if line.startswith("event: ")
            )
    except httpx.RemoteProtocolError:
        events.append("cut off")
    return events


def ask(base: str, number: int) -> httpx.Response:
    """A question whose answer is not streamed."""
    body = {"question": f"{QUESTION} (never {number})", "session_id": f"s-{number}"}
    return httpx.post(f"{base}/api/question", json=body, timeout=60, trust_env=False)


def turns(base: str, number: int) -> list[tuple[str, str]]:
    told = httpx.get(f"{base}/api/sessions/s-{number}", timeout=60, trust_env=False).json()
    return [(turn["role"], turn["state"]) for turn in told["messages"]]


def refused(base: str) -> bool:
    host, port = base.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return True
    return False


def test_fifty_chats_at_once_all_come_to_their_end_and_leave_no_memory_behind(
    service: Service, pen: Pen
):
    """Row L1, short. The full row is a benchmark's."""
    resident: list[int] = []
    for _ in range(6):
        goes_on = Event()
        pen.waits_for = lambda prompt, goes_on=goes_on: goes_on
        with ThreadPoolExecutor(1) as beside:
            told = beside.submit(asyncio.run, asking.chats(service.base, CHATS, 0, 0, [QUESTION]))
            until(lambda: len(pen.held) == CHATS)
            goes_on.set()
            replies: list[asking.Reply] = told.result()
        assert [(reply.status, reply.whole) for reply in replies] == [(200, True)] * CHATS
        resident.append(psutil.Process(service.run().pid).memory_info().rss)
    assert resident[-1] < 1.1 * resident[1]


def test_questions_at_a_steady_rate_are_all_answered_and_kept(service: Service):
    """Row L2, short. The full row is a benchmark's."""
    replies = asyncio.run(asking.at_a_rate(service.base, 25, 3, [QUESTION]))
    assert [(reply.status, reply.whole) for reply in replies] == [(200, True)] * 75
    listed = httpx.get(f"{service.base}/api/sessions?limit=75", trust_env=False, timeout=60).json()
    assert [session["turns"] for session in listed["sessions"]] == [2] * 75


@pytest.mark.parametrize("kill", [1, 2])
def test_a_service_killed_in_the_middle_of_answers_keeps_no_half_turn_and_starts_again(
    service: Service, home: Path, pen: Pen, kill: int
):
    """Row F4."""
    goes_on = Event()
    pen.waits_for = lambda prompt: goes_on
    numbers = range(100 * kill, 100 * kill + 5)
    with ThreadPoolExecutor(5) as readers:
        told = [readers.submit(read, service.base, number) for number in numbers]
        until(lambda: len(pen.held) == 5)
        killed = service.run()
        killed.kill()
        killed.wait()
        assert [one.result()[-1] for one in told] == ["cut off"] * 5
    goes_on.set()
    began = time.monotonic()
    service.run()
    told_ready = httpx.get(f"{service.base}/readyz", timeout=60, trust_env=False)
    assert (told_ready.status_code, told_ready.json()["status"]) == (200, "ok")
    print(f"kill -9: answers again after {time.monotonic() - began:.1f} s")
    question, answer = ("user", "complete"), ("assistant", "complete")
    for number in numbers:
        assert turns(service.base, number) == [question]
        assert read(service.base, number)[-1] == "done"
        assert turns(service.base, number) == [question, question, answer]
    releases = releases_in(home)
    releases.collect()
    assert len(list((releases.root / "leases").iterdir())) == 1, "the lease of the living"


def test_sigterm_lets_answers_end_and_tells_those_that_would_not_in_time(
    service: Service, home: Path, pen: Pen, capfd: pytest.CaptureFixture[str]
):
    """Row F5: of the answers, half end after the signal, and half would last for ever."""
    goes_on, never = Event(), Event()
    pen.waits_for = lambda prompt: goes_on if "(1" in prompt else never
    before = service.run()
    before.terminate()
    before.wait()
    ended = service.run()  # whose log is this test's
    with ThreadPoolExecutor(STREAMS + 1) as readers:
        told = [readers.submit(read, service.base, number) for number in range(STREAMS)]
        whole = readers.submit(ask, service.base, STREAMS)
        until(lambda: len(pen.held) == STREAMS + 1)
        ended.send_signal(signal.SIGTERM)
        until(lambda: refused(service.base))
        assert ended.poll() is None, "it waits for the answers"
        goes_on.set()
        last = [one.result()[-1] for one in told]
        refusal = whole.result()
        assert ended.wait(5) == 0
        never.set()
    assert {number for number in range(STREAMS) if last[number] == "done"} == {1, *range(10, 20)}
    assert {last[number] for number in (0, *range(2, 10))} == {"error"}
    assert (refusal.status_code, refusal.json()["error"]["type"]) == (503, "shutting_down")
    assert int(refusal.headers["Retry-After"]) > 0
    assert "Traceback" not in capfd.readouterr().err
    assert not list((home / "releases" / "leases").iterdir())
    service.run()
    for number in (0, STREAMS):
        assert turns(service.base, number) == [("user", "complete"), ("assistant", "interrupted")]
    assert turns(service.base, 1) == [("user", "complete"), ("assistant", "complete")]
