"""Conversations in MongoDB, for services on several machines.

Knows collections and indexes; how a turn is stored without transactions, so that a single server
will do, stands in `mongo_turns`. Nothing is imported and nothing connected before the first call;
the client belongs to the event loop of that call.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from rag_pipelines.chat.history.kept import (
    feedback_of,
    moment,
    session_of,
    storable,
    unknown_answer,
    unknown_session,
)
from rag_pipelines.chat.history.mongo_turns import append, remove, turn_in
from rag_pipelines.chat.history.protocol import Feedback, HistoryUnavailable, Session, Turn
from rag_pipelines.inference.circuit import Circuit

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

    from rag_pipelines.chat.history.mongo_turns import Database, Row

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 3
"""How long the client waits for a connection before it tries another."""
_PATIENCE_SECONDS = 5
"""How long a call may take in all, the search for a server included."""
_GOODBYE_SECONDS = 1
"""How long a server may take to hear that the client closes."""
_LOOK_SECONDS = 2
"""How often the client looks which server is the primary: twice in a call's time."""
_PAUSE_SECONDS = 3
"""How long a server that kept a call waiting in vain is left alone."""
_SWEPT = 10
"""Expired sessions that are deleted in passing, at most, whenever a turn is stored."""

INDEXES: Final = {
    "sessions": (
        ("session_id", ("session_id",), True),
        ("of_user", ("user_id", "updated_at"), False),
        ("by_age", ("updated_at",), False),
    ),
    "turns": (
        ("in_order", ("session", "seq"), True),
        ("of_answer", ("answer_id", "role"), True),
    ),
    "feedback": (
        ("of_user", ("user_id", "answer_id"), True),
        ("of_session", ("session",), False),
        ("by_age", ("created_at",), False),
    ),
}
"""Name, fields and uniqueness of each collection's indexes; every read is answered from one."""


class _Silent(HistoryUnavailable):
    """The server was waited for in vain."""


class MongoHistory:
    """A `ChatHistory` in the database that a URL names, or in `rag` where it names none.

    A session that begins anew after its end is another one, so turns know it by its `_id`. After a
    call that waited in vain, those of the next seconds fail at once, and then one tries again.
    """

    def __init__(self, url: str, ttl_days: float | None = None) -> None:
        """A session unused for `ttl_days` is gone; None keeps all."""
        self._url, self._ttl_days = url, ttl_days
        self._client: AsyncMongoClient[Row] | None = None
        self._indexed = False
        self._circuit = Circuit("MongoDB", 1, _PAUSE_SECONDS, _Silent, HistoryUnavailable)
        self.failures = 0

    async def append(self, turn: Turn) -> Turn:
        """See `ChatHistory`."""
        async with self._database() as db:
            await self._sweep(db, turn.session_id)
            return await append(db, storable(turn))

    async def recent(self, user_id: str, session_id: str, most: int) -> list[Turn]:
        """See `ChatHistory`."""
        async with self._database() as db:
            session = await self._session(db, session_id)
            if session and session["user_id"] != user_id:
                raise unknown_session(session_id)
            if not session or not most:
                return []
            rows = db.turns.find({"session": session["_id"]}, sort=[("seq", -1)], limit=most)
            return [turn_in(session, row) async for row in rows][::-1]

    async def read(self, user_id: str, session_id: str) -> tuple[Session, list[Turn]]:
        """See `ChatHistory`."""
        async with self._database() as db:
            session = await self._own(db, user_id, session_id)
            said = db.feedback.find({"session": session["_id"]})
            ratings = {row["answer_id"]: row["rating"] async for row in said}
            rows = await db.turns.find({"session": session["_id"]}, sort=[("seq", 1)]).to_list()
        for row in rows:
            row["rating"] = ratings.get(row["answer_id"], "") if row["role"] == "assistant" else ""
        return session_of(session), [turn_in(session, row) for row in rows]

    async def sessions(self, user_id: str, most: int = 100, before: str = "") -> list[Session]:
        """See `ChatHistory`."""
        used = {"$gte": self._oldest, "$lt": before or "9999"}
        asked = {"user_id": user_id, "updated_at": used}
        async with self._database() as db:
            rows = db.sessions.find(asked, sort=[("updated_at", -1)], limit=most)
            return [session_of(row) async for row in rows]

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        """See `ChatHistory`."""
        async with self._database() as db:
            session = await self._own(db, user_id, session_id)
            await db.sessions.update_one({"_id": session["_id"]}, {"$set": {"title": title}})
            return session_of(session | {"title": title})

    async def delete(self, user_id: str, session_id: str) -> None:
        """See `ChatHistory`."""
        async with self._database() as db:
            await remove(db, (await self._own(db, user_id, session_id))["_id"])

    async def answer(self, user_id: str, answer_id: str) -> tuple[Turn, Turn]:
        """See `ChatHistory`."""
        async with self._database() as db:
            rows = await db.turns.find({"answer_id": answer_id}, sort=[("role", -1)]).to_list()
            if len(rows) == 2:
                session = await db.sessions.find_one({"_id": rows[0]["session"]})
                if session and session["user_id"] == user_id and self._lives(session):
                    return turn_in(session, rows[0]), turn_in(session, rows[1])
        raise unknown_answer(answer_id)

    async def rate(self, feedback: Feedback) -> None:
        """See `ChatHistory`."""
        async with self._database() as db:
            session = await self._session(db, feedback.session_id)
            if not session or session["user_id"] != feedback.user_id:
                raise unknown_answer(feedback.answer_id)
            row = asdict(feedback) | {"session": session["_id"]}
            row["created_at"] = row["created_at"] or moment()
            place = {"user_id": feedback.user_id, "answer_id": feedback.answer_id}
            await db.feedback.replace_one(place, row, upsert=True)

    async def feedback(self) -> list[Feedback]:
        """See `ChatHistory`."""
        async with self._database() as db:
            old = db.sessions.find({"updated_at": {"$lt": self._oldest}}, {"_id": 1})
            expired = {row["_id"] async for row in old}
            rows = db.feedback.find(sort=[("created_at", 1)])
            return [feedback_of(row) async for row in rows if row["session"] not in expired]

    async def ready(self) -> None:
        """See `ChatHistory`."""
        async with self._database() as db:
            await db.command("ping")

    async def close(self) -> None:
        """Close the connections. A later call makes new ones."""
        client, self._client = self._client, None
        if client:
            import pymongo

            with pymongo.timeout(_GOODBYE_SECONDS):  # half a minute, where the server is gone
                await client.close()

    @property
    def _oldest(self) -> str:
        return moment(self._ttl_days) if self._ttl_days else ""

    def _lives(self, session: Row) -> bool:
        return session["updated_at"] >= self._oldest

    async def _session(self, db: Database, session_id: str) -> Row | None:
        session = await db.sessions.find_one({"session_id": session_id})
        return session if session and self._lives(session) else None

    async def _own(self, db: Database, user_id: str, session_id: str) -> Row:
        session = await self._session(db, session_id)
        if not session or session["user_id"] != user_id:
            raise unknown_session(session_id)
        return session

    async def _sweep(self, db: Database, session_id: str) -> None:
        """Delete what has expired: some of it, and this session if it has."""
        if oldest := self._oldest:
            used = {"updated_at": {"$lt": oldest}}
            expired = await db.sessions.find(used, {"_id": 1}, limit=_SWEPT).to_list()
            own = await db.sessions.find({"session_id": session_id} | used, {"_id": 1}).to_list()
            for session in [*expired, *own]:
                await remove(db, session["_id"])

    @asynccontextmanager
    async def _database(self) -> AsyncGenerator[Database]:
        try:
            with self._circuit.call():
                async with self._connected() as db:
                    yield db
        except HistoryUnavailable:
            self.failures += 1
            raise

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[Database]:
        try:
            import pymongo
            from pymongo.errors import PyMongoError
        except ImportError:
            raise HistoryUnavailable(
                "RAG_HISTORY_URL names a MongoDB server, but pymongo is not installed. Install it "
                "with pip install 'rag_pipelines[mongo]', or keep conversations in sqlite:///FILE."
            ) from None
        began = time.monotonic()
        try:
            with pymongo.timeout(_PATIENCE_SECONDS):
                self._client = self._client or _client(self._url)
                db = self._client.get_default_database("rag")
                if not self._indexed:
                    await _index(db)
                    self._indexed = True
                yield db
        except PyMongoError as error:
            log.warning("MongoDB failed: %s", error)  # it names hosts, which callers need not know
            waited = time.monotonic() - began >= _CONNECT_SECONDS
            unavailable = _Silent if waited else HistoryUnavailable
            raise unavailable(
                f"The MongoDB server that keeps conversations failed ({type(error).__name__}). "
                "Look whether it runs, can be reached, and knows the user that RAG_HISTORY_URL "
                "names; the service's log tells more."
            ) from error


def _client(url: str) -> AsyncMongoClient[Row]:
    from pymongo import AsyncMongoClient
    from pymongo.errors import PyMongoError

    try:
        return AsyncMongoClient(
            url,
            appname="rag_pipelines",
            connectTimeoutMS=_CONNECT_SECONDS * 1000,
            heartbeatFrequencyMS=_LOOK_SECONDS * 1000,
        )
    except (PyMongoError, ValueError):  # their messages may hold parts of a password
        raise HistoryUnavailable(
            "RAG_HISTORY_URL is no URL that MongoDB's client can use. Write "
            "mongodb://user:password@host:27017/database, with %-escapes in user and password."
        ) from None


async def _index(db: Database) -> None:
    for collection, indexes in INDEXES.items():
        for name, fields, unique in indexes:
            keys = [(field, 1) for field in fields]
            await db[collection].create_index(keys, name=name, unique=unique)
