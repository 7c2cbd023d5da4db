"""`rag feedback export` as it is, in a process of its own."""

import asyncio
import json
from dataclasses import fields
from pathlib import Path

from rag_pipelines.chat.history.protocol import Feedback
from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines_tests.chat.history.talk import exchange, opinion
from rag_pipelines_tests.end_to_end.serving import rag


async def rated(home: Path) -> None:
    history = SqliteHistory(home / "history.db")
    for name, rating in (("s1", "up"), ("s2", "down")):
        asked, _ = await exchange(history, "wie viele\nVolt in [bold]Größe?", name)
        await history.rate(opinion(asked, rating, "ja [1]"))
    await history.close()


def test_all_feedback_is_printed_oldest_first(tmp_path: Path):
    asyncio.run(rated(tmp_path))
    told = rag(tmp_path, "feedback", "export", "--json")
    first, second = map(json.loads, told.stdout.splitlines())
    assert (first["rating"], second["rating"]) == ("up", "down")
    assert first["question"] == "wie viele\nVolt in [bold]Größe?"
    assert first["citations"][0]["title"] == "Größe"
    assert set(first) == {field.name for field in fields(Feedback)}
    lines = rag(tmp_path, "feedback", "export").stdout.splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == [
        "up    ann: wie viele Volt in [bold]Größe? / Five. / ja [1]",
        "down  ann: wie viele Volt in [bold]Größe? / Five. / ja [1]",
    ]


def test_a_store_that_fails_is_told(tmp_path: Path):
    (tmp_path / "history.db").mkdir()
    told = rag(tmp_path, "feedback", "export")
    assert told.returncode == 1
    assert "RAG_HISTORY_URL" in told.stderr
    assert "Traceback" not in told.stderr
