"""A challenger answers its share of the users, and the champion all the others."""

from dataclasses import replace

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.trials import is_tried_on
from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.records import ModelRef, Trial
from rag_pipelines.retrieval.publish import read_pointer
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import FAKE, QUESTION, Echo, publish
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

CHALLENGER = ModelRef("fake:challenger", "c" * 64)
USERS = [f"user-{number}" for number in range(1_000)]


def tried(trial: Trial) -> set[str]:
    return {user for user in USERS if is_tried_on(trial, user, "any session")}


def test_the_share_is_met_and_the_same_users_are_drawn_again():
    tenth = tried(Trial(CHALLENGER, 0.1))
    assert 70 < len(tenth) < 130
    assert tried(Trial(CHALLENGER, 0.1)) == tenth
    assert tried(Trial(CHALLENGER, 0.5)) > tenth, "a larger share adds to them"
    assert tried(Trial(replace(CHALLENGER, digest="d" * 64), 0.1)) != tenth, "another draws anew"


def test_where_nobody_is_named_a_conversation_keeps_its_answerer():
    trial = Trial(CHALLENGER, 0.5)
    drawn = [is_tried_on(trial, "local", f"session-{number}") for number in range(200)]
    assert 60 < sum(drawn) < 140
    assert drawn == [is_tried_on(trial, "local", f"session-{number}") for number in range(200)]


def following(releases: Releases, *there: ModelRef) -> LiveRelease:
    def load(model: ModelRef) -> Generator:
        if model not in there:
            raise ModelUnavailable(f"{model.name} is gone")
        return Echo(name=model.name, digest=model.digest)

    return LiveRelease(releases, TopicEmbedder(), load, poll_seconds=0.1, retry_seconds=0.1)


def answerers(client, users: list[str]) -> dict[str, str]:
    def ask(user: str) -> str:
        said = client.post("/api/question", json={"question": QUESTION, "user_id": user})
        return said.raise_for_status().json()["model"]

    return {user: ask(user) for user in users}


def test_the_running_service_answers_each_user_by_the_arm_that_he_was_drawn_for(
    releases: Releases,
):
    trial = Trial(CHALLENGER, 0.5)
    with serving(following(releases, FAKE, CHALLENGER)) as client:
        publish(releases, 1)
        until(lambda: ready(client, 1))
        assert set(answerers(client, USERS[:12]).values()) == {FAKE.name}
        publish(releases, 1, FAKE, trial)
        until(lambda: ready(client, 2))
        found = answerers(client, USERS[:12])
        assert {user for user, name in found.items() if name == CHALLENGER.name} == (
            tried(trial) & set(USERS[:12])
        )
        told = client.get("/api/release").json()
        assert (told["model"]["name"], told["challenger"]["name"]) == (FAKE.name, CHALLENGER.name)
        assert told["challenger_share"] == 0.5
        publish(releases, 1)
        until(lambda: ready(client, 3))
        assert set(answerers(client, USERS[:12]).values()) == {FAKE.name}


def test_a_challenger_that_fails_to_load_costs_nobody_an_answer(releases: Releases):
    publish(releases, 1, FAKE, Trial(CHALLENGER, 0.5))
    live = following(releases, FAKE)
    with serving(live) as client:
        until(lambda: ready(client, 1))
        health = client.get("/readyz").json()
        assert health["status"] == "degraded"
        assert "fake:challenger is gone" in health["reason"]
        assert set(answerers(client, USERS[:8]).values()) == {FAKE.name}
        until(lambda: live.failures > 2)
        assert live.swaps == 0, "what is served already is not opened again and again"


def test_a_trial_keeps_its_beginning_as_long_as_the_two_models_stay(releases: Releases):
    trial = Trial(CHALLENGER, 0.1)
    assert publish(releases, 1).tried_since == ""
    began = publish(releases, 1, FAKE, trial).tried_since
    assert began
    assert publish(releases, 2, FAKE, trial).tried_since == began
    pointer = read_pointer(releases.root)
    assert pointer is not None
    assert pointer.trial == trial
    assert publish(releases, 2, CHALLENGER).tried_since == ""
