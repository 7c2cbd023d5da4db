"""Conversations in one SQLite file, the default store. Several processes may write to it.

Knows SQL. A connection and a thread of its own do the work; neither is there before the first
call, and after a failure the next call opens the file anew.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

from rag_pipelines.chat.history.kept import (
    feedback_of,
    moment,
    session_of,
    storable,
    title_of,
    turn_of,
    unknown_answer,
    unknown_session,
)
from rag_pipelines.chat.history.protocol import Feedback, HistoryUnavailable, Session, Turn
from rag_pipelines.chat.history.sqlite_file import insert, opened, transaction, wait_until

T = TypeVar("T")

_BUSY_SECONDS = 3.0
"""How long after a call somebody else's lock may still keep it waiting."""
_PATIENCE_SECONDS = 5.0
"""How long a call waits, those before it included; what had not begun by then is never done."""

READS: Final = {
    "session": "SELECT * FROM sessions WHERE session_id = ? AND updated_at >= ?",
    "recent": "SELECT * FROM turns WHERE session_id = ? ORDER BY seq DESC LIMIT ?",
    "read": "SELECT turns.*, coalesce(feedback.rating, '') AS rating FROM turns LEFT JOIN feedback"
    " ON feedback.user_id = ? AND feedback.answer_id = turns.answer_id AND role = 'assistant'"
    " WHERE turns.session_id = ? ORDER BY seq",
    "sessions": "SELECT * FROM sessions WHERE user_id = ? AND updated_at >= ? AND updated_at < ?"
    " ORDER BY updated_at DESC LIMIT ?",
    "stored": "SELECT * FROM turns WHERE answer_id = ?",
    "answer": "SELECT turns.* FROM turns CROSS JOIN sessions USING (session_id)"
    " WHERE answer_id = ? AND user_id = ? AND updated_at >= ? ORDER BY role DESC",
    "feedback": "SELECT feedback.* FROM feedback JOIN sessions USING (session_id)"
    " WHERE sessions.updated_at >= ? ORDER BY feedback.created_at",
    "expired": "SELECT session_id FROM sessions WHERE updated_at < ? LIMIT 100",
}
"""Every question that is asked of the file; each is answered from an index."""


class SqliteHistory:
    """A `ChatHistory` in the file at `path`."""

    def __init__(self, path: Path, ttl_days: float | None = None) -> None:
        """Nothing is opened yet. A session unused for `ttl_days` is gone; None keeps all."""
        self._path, self._ttl_days = path, ttl_days
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        self.failures = 0

    async def append(self, turn: Turn) -> Turn:
        """See `ChatHistory`."""
        return await self._done(lambda db: self._append(db, storable(turn)))

    async def recent(self, user_id: str, session_id: str, most: int) -> list[Turn]:
        """See `ChatHistory`."""

        def work(db: sqlite3.Connection) -> list[Turn]:
            row = db.execute(READS["session"], (session_id, self._oldest)).fetchone()
            if row and row["user_id"] != user_id:
                raise unknown_session(session_id)
            rows = db.execute(READS["recent"], (session_id, most)) if row else []
            return [_turn(user_id, row) for row in rows][::-1]

        return await self._done(work)

    async def read(self, user_id: str, session_id: str) -> tuple[Session, list[Turn]]:
        """See `ChatHistory`."""

        def work(db: sqlite3.Connection) -> tuple[Session, list[Turn]]:
            with transaction(db, "DEFERRED"):
                session = self._session(db, user_id, session_id)
                rows = db.execute(READS["read"], (user_id, session_id))
                return session, [_turn(user_id, row) for row in rows]

        return await self._done(work)

    async def sessions(self, user_id: str, most: int = 100, before: str = "") -> list[Session]:
        """See `ChatHistory`."""
        limits = (user_id, self._oldest, before or "9999", most)
        return await self._done(
            lambda db: [session_of(dict(row)) for row in db.execute(READS["sessions"], limits)]
        )

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        """See `ChatHistory`."""

        def work(db: sqlite3.Connection) -> Session:
            with transaction(db):
                session = self._session(db, user_id, session_id)
                db.execute(
                    "UPDATE sessions SET title = ? WHERE session_id = ?", (title, session_id)
                )
                return replace(session, title=title)

        return await self._done(work)

    async def delete(self, user_id: str, session_id: str) -> None:
        """See `ChatHistory`."""

        def work(db: sqlite3.Connection) -> None:
            with transaction(db):
                self._session(db, user_id, session_id)
                db.execute("DELETE FROM sessions WHERE session_id = ?", (session_id,))

        await self._done(work)

    async def answer(self, user_id: str, answer_id: str) -> tuple[Turn, Turn]:
        """See `ChatHistory`."""
        asked = (answer_id, user_id, self._oldest)
        rows = await self._done(lambda db: db.execute(READS["answer"], asked).fetchall())
        if len(rows) != 2:
            raise unknown_answer(answer_id)
        return _turn(user_id, rows[0]), _turn(user_id, rows[1])

    async def rate(self, feedback: Feedback) -> None:
        """See `ChatHistory`."""
        row = asdict(feedback) | {
            "citations": _json(feedback),
            "created_at": feedback.created_at or moment(),
        }

        def work(db: sqlite3.Connection) -> None:
            with transaction(db):
                known = (feedback.session_id, self._oldest)
                session = db.execute(READS["session"], known).fetchone()
                if not session or session["user_id"] != feedback.user_id:
                    raise unknown_answer(feedback.answer_id)
                insert(db, "INSERT OR REPLACE", "feedback", row)

        await self._done(work)

    async def feedback(self) -> list[Feedback]:
        """See `ChatHistory`."""
        rows = await self._done(
            lambda db: db.execute(READS["feedback"], (self._oldest,)).fetchall()
        )
        return [feedback_of(_plain(row)) for row in rows]

    async def ready(self) -> None:
        """See `ChatHistory`."""
        await self._done(lambda db: db.execute("SELECT 1 FROM sessions LIMIT 1").fetchone())

    async def close(self) -> None:
        """Close the file once what was begun is done. A later call opens it anew."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget)

    @property
    def _oldest(self) -> str:
        return moment(self._ttl_days) if self._ttl_days else ""

    def _session(self, db: sqlite3.Connection, user_id: str, session_id: str) -> Session:
        row = db.execute(READS["session"], (session_id, self._oldest)).fetchone()
        if not row or row["user_id"] != user_id:
            raise unknown_session(session_id)
        return session_of(dict(row))

    def _append(self, db: sqlite3.Connection, turn: Turn) -> Turn:
        with transaction(db):
            self._sweep(db, turn.session_id)
            row = db.execute(READS["session"], (turn.session_id, "")).fetchone()
            if row and row["user_id"] != turn.user_id:
                raise unknown_session(turn.session_id)
            rows = db.execute(READS["stored"], (turn.answer_id,)).fetchall()
            said = {row["role"]: row for row in rows if row["session_id"] == turn.session_id}
            if turn.role in said:
                return _turn(turn.user_id, said[turn.role])
            if len(said) < len(rows) or (turn.role == "assistant" and not said):
                raise unknown_session(turn.session_id)
            return self._stored(db, turn, row["turns"] + 1 if row else 1)

    def _stored(self, db: sqlite3.Connection, turn: Turn, seq: int) -> Turn:
        turn = replace(turn, seq=seq, created_at=moment())
        if seq == 1:
            begun = Session(
                user_id=turn.user_id,
                session_id=turn.session_id,
                title=title_of(turn.content),
                turns=1,
                created_at=turn.created_at,
                updated_at=turn.created_at,
            )
            insert(db, "INSERT", "sessions", asdict(begun))
        else:
            db.execute(
                "UPDATE sessions SET turns = ?, updated_at = ? WHERE session_id = ?",
                (seq, turn.created_at, turn.session_id),
            )
        row = asdict(turn) | {"citations": _json(turn), "abstained": int(turn.abstained)}
        del row["user_id"], row["rating"]
        insert(db, "INSERT", "turns", row)
        return turn

    def _sweep(self, db: sqlite3.Connection, session_id: str) -> None:
        """Delete what has expired: some of it, and this session if it has."""
        if oldest := self._oldest:
            expired = [row[0] for row in db.execute(READS["expired"], (oldest,))]
            db.executemany(
                "DELETE FROM sessions WHERE session_id = ? AND updated_at < ?",
                [(name, oldest) for name in [*expired, session_id]],
            )

    async def _done(self, work: Callable[[sqlite3.Connection], T]) -> T:
        until = monotonic() + _BUSY_SECONDS
        job = asyncio.get_running_loop().run_in_executor(self._thread, self._work, work, until)
        try:
            return await asyncio.wait_for(job, _PATIENCE_SECONDS)
        except TimeoutError:
            self.failures += 1
            raise self._unavailable("it did not answer in time") from None
        except HistoryUnavailable:
            self.failures += 1
            raise

    def _work(self, work: Callable[[sqlite3.Connection], T], until: float) -> T:
        try:
            if self._connection is None:
                self._connection = opened(self._path, until)
            wait_until(self._connection, until)
            return work(self._connection)
        except (sqlite3.Error, OSError) as error:
            self._forget()
            named = error.strerror if isinstance(error, OSError) else None  # without the path
            raise self._unavailable(named or str(error)) from error

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with suppress(sqlite3.Error):
                connection.close()

    def _unavailable(self, found: str) -> HistoryUnavailable:
        return HistoryUnavailable(
            f"The conversations in {self._path.name} cannot be used: {found}. Look whether the "
            "disk has room, the folder may be written to and no other program holds the file; "
            "a damaged file has to be moved away (RAG_HISTORY_URL says where it lies)."
        )


def _json(record: Turn | Feedback) -> str:
    return json.dumps([asdict(citation) for citation in record.citations])


def _plain(row: sqlite3.Row) -> dict[str, Any]:
    return dict(row) | {"citations": json.loads(row["citations"])}


def _turn(user_id: str, row: sqlite3.Row) -> Turn:
    return turn_of(_plain(row) | {"user_id": user_id})
