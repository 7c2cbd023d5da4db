"""Row B13: budgets, by a clock that the test moves, and over a real socket."""

from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_pipelines.chat.gate import COOKIE, Rules
from rag_pipelines.chat.keys import Keys, session_of
from rag_pipelines.chat.limits import Limiter
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.config.rates import Rate, rate
from rag_pipelines_tests.chat.editions import Echo, releases_in
from rag_pipelines_tests.chat.service import serving
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


class Clock:
    def __init__(self) -> None:
        self.now = 123_456.789

    def __call__(self) -> float:
        return self.now


RATES = st.builds(Rate, st.integers(1, 200), st.sampled_from([1, 60, 3_600, 86_400]))


@given(RATES)
def test_a_burst_takes_the_budget_exactly_and_a_call_comes_back_when_told(rate: Rate):
    clock = Clock()
    limiter = Limiter(rate, clock)
    waits = [limiter.take("ann") for _ in range(rate.calls + 50)]
    assert waits.count(0.0) == rate.calls
    assert all(wait > 0 for wait in waits[rate.calls :])
    clock.now += waits[-1]
    assert limiter.take("ann") == 0.0
    assert limiter.take("ann") > 0


@given(RATES, st.integers(1, 50))
def test_whoever_never_stops_asking_gets_the_rate_and_no_more(rate: Rate, eagerness: int):
    clock = Clock()
    limiter = Limiter(rate, clock)
    step = rate.seconds / rate.calls / eagerness
    asked = 2_000
    taken = 0
    for _ in range(asked):
        taken += limiter.take("ann") == 0.0
        clock.now += step
    budget = rate.calls + asked / eagerness
    assert taken <= budget + 1
    assert taken >= min(asked, budget) - 1


def test_a_budget_is_whole_again_after_its_time():
    clock = Clock()
    limiter = Limiter(Rate(5, 60), clock)
    for _ in range(3):
        assert [limiter.take("ann") == 0.0 for _ in range(6)] == [True] * 5 + [False]
        clock.now += 60


def test_many_keys_have_budgets_of_their_own():
    limiter = Limiter(Rate(3, 3_600), Clock())
    for name in (f"user{n}" for n in range(1_000)):
        assert [limiter.take(name) == 0.0 for _ in range(5)] == [True] * 3 + [False] * 2
    assert limiter.take("user0") > 0


@pytest.mark.parametrize("written", ["60/minute", "1/second", "1000/hour", "9999999/day"])
def test_a_rate_is_written_as_calls_in_a_time(written: str):
    assert rate(written).calls == int(written.split("/")[0])


@pytest.mark.parametrize(
    "wrong", ["", "60", "0/minute", "-1/minute", "1.5/hour", "60/m", "60 / day"]
)
def test_what_is_no_rate_is_told_with_what_is(wrong: str):
    with pytest.raises(ValueError, match="60/minute"):
        rate(wrong)


CALLS = 5


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


def service(folder: Path, keys: Keys):
    live = LiveRelease(releases_in(folder), TopicEmbedder(), lambda name: Echo())
    return serving(live, rules=Rules(keys=keys, rate=Rate(CALLS, 3_600)))


def ask(client: httpx.Client, headers: dict[str, str], n: int = 0) -> httpx.Response:
    """A question or a search, in turn: nothing is indexed, so one that is let through is 503."""
    if n % 2:
        return client.get("/api/search", params={"q": "a"}, headers=headers)
    return client.post("/api/question", json={"question": "a"}, headers=headers)


def test_each_key_has_its_budget_whatever_else_a_caller_says(tmp_path: Path, keys: Keys):
    ann, bob = keys.add("ann"), keys.add("bob")

    def dressed(key: str, n: int) -> dict[str, str]:
        address = f"203.0.113.{n}"
        told = {name: address for name in ("X-Forwarded-For", "X-Real-IP", "True-Client-IP")}
        told |= {"Forwarded": f"for={address}", "X-Forwarded-Host": f"h{n}", "User-Agent": f"{n}"}
        by = (
            {"Cookie": f"{COOKIE}={session_of(key)}"}
            if n % 3
            else {"Authorization": f"Bearer {key}"}
        )
        return told | by

    with service(tmp_path, keys) as client, ThreadPoolExecutor(8) as pool:
        for key in (ann, bob):
            answers = list(pool.map(lambda n: ask(client, dressed(key, n), n), range(40)))  # noqa: B023
            statuses = [answer.status_code for answer in answers]
            assert (statuses.count(503), statuses.count(429)) == (CALLS, 40 - CALLS)
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert refused.json()["error"]["type"] == "rate_limited"
            assert 1 <= int(refused.headers["retry-after"]) <= ceil(3_600 / CALLS)


def test_what_costs_little_has_no_limit_and_a_wrong_key_takes_nobodys_budget(
    tmp_path: Path, keys: Keys
):
    ann = {"Authorization": f"Bearer {keys.add('ann')}"}
    with service(tmp_path, keys) as client:
        for _ in range(3 * CALLS):
            assert client.get("/api/release", headers=ann).status_code == 503
            assert client.get("/", headers=ann).status_code == 200
            assert ask(client, {"Authorization": "Bearer rag_wrong"}).status_code == 401
        assert [ask(client, ann).status_code for _ in range(CALLS + 1)] == [503] * CALLS + [429]


def test_without_keys_one_budget_holds_for_all(tmp_path: Path, keys: Keys):
    with service(tmp_path, keys) as client:
        bodies = [{"question": "a", "user_id": f"user{n}"} for n in range(CALLS + 2)]
        answers = [client.post("/api/question", json=body).status_code for body in bodies]
        assert answers == [503] * CALLS + [429] * 2
