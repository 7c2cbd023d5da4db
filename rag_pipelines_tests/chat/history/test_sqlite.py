"""What only the store in a file can get wrong: its file, its locks, its indexes."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from rag_pipelines.chat.history.protocol import HistoryUnavailable
from rag_pipelines.chat.history.sqlite import READS, SqliteHistory
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines.errors import ConfigError
from rag_pipelines_tests.chat.history.talk import answer_to, exchange, question

pytestmark = pytest.mark.anyio
PATIENCE = 10
"""Seconds within which a call has to have failed; none may hang."""


async def test_every_read_is_answered_from_an_index(tmp_path: Path):
    history = SqliteHistory(tmp_path / "history.db")
    await exchange(history, "a question")
    await history.close()
    with sqlite3.connect(tmp_path / "history.db") as db:
        for name, sql in READS.items():
            plan = db.execute(f"EXPLAIN QUERY PLAN {sql}", ("",) * sql.count("?")).fetchall()
            steps = [step[-1] for step in plan]
            assert steps
            for step in steps:
                assert "INDEX" in step, (name, steps)
    db.close()


async def test_processes_that_write_to_one_session_leave_no_gap(tmp_path: Path):
    writer = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from rag_pipelines.chat.history.sqlite import SqliteHistory\n"
        "from rag_pipelines_tests.chat.history.talk import question\n"
        "async def write():\n"
        "    history = SqliteHistory(Path(sys.argv[1]))\n"
        "    for number in range(50):\n"
        "        await history.append(question(f'{sys.argv[2]}-{number}'))\n"
        "    await history.close()\n"
        "asyncio.run(write())\n"
    )
    path = tmp_path / "history.db"
    writers = [
        subprocess.Popen([sys.executable, "-c", writer, path, str(number)]) for number in range(4)
    ]
    assert [process.wait(60) for process in writers] == [0] * 4
    history = SqliteHistory(path)
    session, turns = await history.read("ann", "s1")
    assert [turn.seq for turn in turns] == list(range(1, 201))
    assert session.turns == 200
    for writer_number in range(4):
        own = [t.content for t in turns if t.content.startswith(f"{writer_number}-")]
        assert own == [f"{writer_number}-{number}" for number in range(50)]
    await history.close()


async def test_nothing_is_opened_before_the_first_call(tmp_path: Path):
    history = open_history(f"sqlite:///{tmp_path / 'new' / 'history.db'}")
    assert not (tmp_path / "new").exists()
    await history.ready()
    assert (tmp_path / "new" / "history.db").stat().st_mode & 0o077 == 0
    await history.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 500, None])
async def test_a_file_that_cannot_be_used_is_told_with_a_remedy_and_mends(
    tmp_path: Path, content: bytes | None
):
    path = tmp_path / "history.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    history = SqliteHistory(path)
    for attempt in (history.ready(), history.append(question("lost?")), history.sessions("ann")):
        with pytest.raises(HistoryUnavailable, match=r"history\.db.*RAG_HISTORY_URL"):
            await attempt
    assert history.failures == 3
    path.rename(tmp_path / "moved-away")
    assert (await history.append(question("kept"))).seq == 1
    assert history.failures == 3
    await history.close()


async def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path):
    with sqlite3.connect(tmp_path / "history.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    history = SqliteHistory(tmp_path / "history.db")
    with pytest.raises(HistoryUnavailable, match="later version"):
        await history.append(question("lost?"))
    await history.close()


async def test_a_locked_file_is_unavailable_in_bounded_time_and_recovers(tmp_path: Path):
    history = SqliteHistory(tmp_path / "history.db")
    asked, _ = await exchange(history, "before")
    other = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = [history.append(question(f"during {number}")) for number in range(8)]
    async with asyncio.timeout(PATIENCE):
        failed = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(error) for error in failed} == {HistoryUnavailable}
    assert history.failures == 8
    other.execute("ROLLBACK")
    other.close()
    await history.append(answer_to(asked))
    await exchange(history, "after")
    _, turns = await history.read("ann", "s1")
    assert [turn.content for turn in turns[::2]] == ["before", "after"]
    await history.close()


async def test_a_full_disk_is_unavailable_and_keeps_what_was_stored(tmp_path: Path):
    path = tmp_path / "history.db"
    script = (
        "import asyncio, resource, sys\n"
        "from pathlib import Path\n"
        "from rag_pipelines.chat.history.protocol import HistoryUnavailable\n"
        "from rag_pipelines.chat.history.sqlite import SqliteHistory\n"
        "from rag_pipelines_tests.chat.history.talk import question\n"
        "async def write():\n"
        "    history = SqliteHistory(Path(sys.argv[1]))\n"
        "    await history.append(question('before'))\n"
        "    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most))\n"
        "    try:\n"
        "        await history.append(question('x' * 500_000))\n"
        "    except HistoryUnavailable as error:\n"
        "        assert 'disk' in str(error)\n"
        "    else:\n"
        "        raise AssertionError('stored beyond the limit')\n"
        "    assert [t.content for t in await history.recent('ann', 's1', 9)] == ['before']\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
        "    assert (await history.append(question('after'))).seq == 2\n"
        "asyncio.run(write())\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=True, timeout=60)
    history = SqliteHistory(path)
    assert [turn.content for turn in await history.recent("ann", "s1", 9)] == ["before", "after"]
    await history.close()


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite://", "postgres://host/db", "nonsense"])
def test_a_url_that_names_no_store_is_told_with_what_is_allowed(url: str):
    with pytest.raises(ConfigError, match="sqlite:///FILE"):
        open_history(url)
