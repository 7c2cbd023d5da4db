"""What only the store behind a server can get wrong: the server, its indexes, its URL."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from rag_pipelines.chat.history.mongo import INDEXES, MongoHistory
from rag_pipelines.chat.history.protocol import ChatHistory, HistoryUnavailable, Turn
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines_tests.chat.history.mongo_server import free_port, mongo_server, proxied
from rag_pipelines_tests.chat.history.talk import answer_to, exchange, opinion, question

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.mongo,
    # pymongo leaves a socket open that it is connecting when its client is closed.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
PATIENCE = 10
"""Seconds within which a call has to have failed; none may hang."""


async def appended(history: ChatHistory, turn: Turn) -> Turn:
    """Stored as soon as the store tries its server again."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await history.append(turn)
            except HistoryUnavailable:
                await asyncio.sleep(0.1)


@pytest.fixture(autouse=True)
def _left_by_none() -> Iterator[None]:
    """What a test's client left is found in that test, and not in a later one."""
    yield
    gc.collect()


async def test_every_collection_has_its_indexes(mongo_port: int):
    name = uuid4().hex
    url = f"mongodb://127.0.0.1:{mongo_port}/{name}"
    history = MongoHistory(url)
    asked, _ = await exchange(history, "indexed")
    await history.rate(opinion(asked, "up"))
    await history.close()
    async with AsyncMongoClient(url) as client:
        for collection, indexes in INDEXES.items():
            found = await client[name][collection].index_information()
            for index, fields, unique in indexes:
                assert [field for field, _ in found[index]["key"]] == list(fields)
                assert found[index].get("unique", False) == unique


async def test_a_turn_whose_count_was_lost_leaves_no_gap(mongo_port: int):
    name = uuid4().hex
    url = f"mongodb://127.0.0.1:{mongo_port}/{name}"
    history = MongoHistory(url)
    await exchange(history, "counted")
    async with AsyncMongoClient(url) as client:  # as if a service had died before counting
        await client[name].sessions.update_one({}, {"$set": {"turns": 0}})
    await exchange(history, "counted again")
    session, turns = await history.read("ann", "s1")
    assert [turn.seq for turn in turns] == [1, 2, 3, 4]
    assert session.turns == 4
    await history.close()


async def test_a_server_that_is_down_at_the_start_is_used_once_it_is_up(tmp_path: Path):
    port = free_port()
    history = open_history(f"mongodb://127.0.0.1:{port}/down")
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(HistoryUnavailable, match="RAG_HISTORY_URL"):
            await history.ready()
    async with asyncio.timeout(PATIENCE):
        failed = await asyncio.gather(
            *(history.append(question(f"q{number}")) for number in range(20)),
            return_exceptions=True,
        )
    assert {type(error) for error in failed} == {HistoryUnavailable}
    assert history.failures == 21
    with mongo_server(tmp_path, port):
        asked = await appended(history, question("kept"))
    with pytest.raises(HistoryUnavailable):
        await history.append(answer_to(asked))
    with mongo_server(tmp_path, port):
        await appended(history, answer_to(asked))
        _, turns = await history.read("ann", "s1")
        assert [turn.content for turn in turns] == ["kept", "Four volts [1]."]
        await history.close()


@pytest.mark.parametrize("fault", ["silent", "cut"])
async def test_a_connection_that_fails_is_unavailable_and_loses_nothing(
    mongo_port: int, fault: str
):
    async with proxied(mongo_port) as (port, line):
        history = MongoHistory(f"mongodb://127.0.0.1:{port}/{uuid4().hex}")
        await exchange(history, "before")
        line.state = fault
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(HistoryUnavailable):
                await history.append(question("during"))
        line.state = "open"
        during = await appended(history, question("during"))
        again = await history.append(question("during"))
        assert again == during
        _, turns = await history.read("ann", "s1")
        assert [turn.content for turn in turns] == ["before", "Four volts [1].", "during"]
        assert [turn.seq for turn in turns] == [1, 2, 3]
        await history.close()


async def test_a_server_that_was_waited_for_in_vain_keeps_no_further_call_waiting(mongo_port: int):
    async with proxied(mongo_port) as (port, line):
        history = MongoHistory(f"mongodb://127.0.0.1:{port}/{uuid4().hex}")
        await exchange(history, "before")
        line.state = "silent"
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(HistoryUnavailable):
                await history.ready()
        for _ in range(20):
            with pytest.raises(HistoryUnavailable, match="is tried again in"):
                await history.append(question("during"))
        assert history.failures == 21
        line.state = "open"
        assert (await appended(history, question("after"))).seq == 3
        await history.close()


async def test_a_store_whose_server_is_gone_is_closed_all_the_same(tmp_path: Path):
    port = free_port()
    history = open_history(f"mongodb://127.0.0.1:{port}/gone")
    with mongo_server(tmp_path, port):
        await exchange(history, "before")
    await asyncio.sleep(1)  # until the client knows
    async with asyncio.timeout(PATIENCE):
        await history.close()


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://ann:canary@pass@host/db",
        "mongodb://ann:can/canary@host:27017/db",
        "mongodb://ann:canary@host:port/db",
        "mongodb://ann:canary@127.0.0.1:1/db",
    ],
)
async def test_a_url_that_leads_nowhere_is_told_without_its_password(url: str):
    history = open_history(url)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(HistoryUnavailable, match="RAG_HISTORY_URL") as refused:
            await history.ready()
    assert "canary" not in str(refused.value)
    await history.close()


def test_without_pymongo_the_remedy_is_told(tmp_path: Path):
    script = (
        "import asyncio, sys\n"
        "sys.modules['pymongo'] = None\n"
        "from rag_pipelines.chat.history.stores import open_history\n"
        "from rag_pipelines.chat.history.protocol import HistoryUnavailable\n"
        "try:\n"
        "    asyncio.run(open_history('mongodb://127.0.0.1/db').ready())\n"
        "except HistoryUnavailable as error:\n"
        "    assert 'rag_pipelines[mongo]' in str(error)\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
