"""`rag models ab` as it is, in a process of its own."""

import asyncio
import json
from pathlib import Path

from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.records import ModelRef, Trial
from rag_pipelines_tests.chat.editions import FAKE, publish, releases_in
from rag_pipelines_tests.chat.history.talk import exchange, opinion
from rag_pipelines_tests.end_to_end.serving import rag

TRIAL = Trial(ModelRef("onnx:tuned", "c" * 64), 0.5)


async def rated(home: Path, users: int) -> None:
    history = SqliteHistory(home / "history.db")
    for number in range(users):
        user = f"user-{number}"
        asked, _ = await exchange(history, "How long?", f"s-{number}", user)
        await history.rate(opinion(asked, "down" if number % 4 else "up", user=user))
    await history.close()


def test_ratings_are_told_by_arm(tmp_path: Path):
    publish(releases_in(tmp_path), 1, FAKE, TRIAL)
    asyncio.run(rated(tmp_path, 20))
    told = json.loads(rag(tmp_path, "models", "ab", "--json").stdout)
    champion, challenger = told["arms"]
    assert (champion["model"], challenger["model"]) == (FAKE.name, "onnx:tuned")
    assert champion["up"] + challenger["up"] == 5
    assert champion["down"] + challenger["down"] == 15
    assert told["share"] == 0.5
    shown = rag(tmp_path, "models", "ab").stdout
    assert "no difference is shown yet" in shown
    assert "onnx:tuned" in shown


def test_without_a_trial_it_says_how_one_begins(tmp_path: Path):
    publish(releases_in(tmp_path), 1)
    told = rag(tmp_path, "models", "ab")
    assert told.returncode == 2
    assert "RAG_CHALLENGER" in told.stderr
