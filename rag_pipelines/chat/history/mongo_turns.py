"""Turns in MongoDB: how one is stored, and how all of a session go.

There are no transactions, so each step leaves a state that the next call can go on from. A turn's
number is taken by storing the turn under it, which a unique index lets one caller do.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rag_pipelines.chat.history.kept import moment, title_of, turn_of, unknown_session
from rag_pipelines.chat.history.protocol import Session, Turn

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

    Row = dict[str, Any]
    Database = AsyncDatabase[Row]


async def append(db: Database, turn: Turn) -> Turn:
    """Store a turn as `ChatHistory.append` promises; raises what it raises, and `PyMongoError`."""
    session = await _begun(db, turn)
    stored = await _stored(db, session, turn)
    changed = {"turns": stored.seq, "updated_at": stored.created_at}
    kept = await db.sessions.update_one({"_id": session["_id"]}, {"$max": changed})
    if not kept.matched_count:  # deleted meanwhile
        await remove(db, session["_id"])
        raise unknown_session(turn.session_id)
    return stored


async def _begun(db: Database, turn: Turn) -> Row:
    """The turn's session, which a question begins where there is none."""
    from pymongo.errors import DuplicateKeyError

    place = {"session_id": turn.session_id}
    session = await db.sessions.find_one(place)
    if not session and turn.role == "user":
        now = moment()
        begun = Session(
            user_id=turn.user_id,
            session_id=turn.session_id,
            title=title_of(turn.content),
            turns=0,
            created_at=now,
            updated_at=now,
        )
        with suppress(DuplicateKeyError):  # somebody else may just have begun it
            await db.sessions.insert_one(asdict(begun))
        session = await db.sessions.find_one(place)
    if not session or session["user_id"] != turn.user_id:
        raise unknown_session(turn.session_id)
    return session


async def _stored(db: Database, session: Row, turn: Turn) -> Turn:
    """The turn under the first number that is free, or as it is stored already."""
    from pymongo.errors import DuplicateKeyError

    if turn.role == "assistant" and not await _said(db, session, turn.answer_id, "user"):
        raise unknown_session(turn.session_id)
    last = session["turns"]  # never more than there are
    while True:
        turn = replace(turn, seq=last + 1, created_at=moment())
        row = asdict(turn) | {"session": session["_id"]}
        del row["user_id"], row["session_id"], row["rating"]
        try:
            await db.turns.insert_one(row)
            return turn
        except DuplicateKeyError:  # it is stored, or another caller was given that number
            if said := await _said(db, session, turn.answer_id, turn.role):
                return said
            rows = db.turns.find({"session": session["_id"]}, sort=[("seq", -1)], limit=1)
            last = max([row["seq"] async for row in rows], default=0)


async def _said(db: Database, session: Row, answer_id: str, role: str) -> Turn | None:
    row = await db.turns.find_one({"answer_id": answer_id, "role": role})
    if row and row["session"] != session["_id"]:
        raise unknown_session(session["session_id"])
    return turn_in(session, row) if row else None


async def remove(db: Database, session: Any) -> None:
    """A session and all that hangs on it. Where this breaks off it can be done again."""
    await db.turns.delete_many({"session": session})
    await db.feedback.delete_many({"session": session})
    await db.sessions.delete_one({"_id": session})
    await db.turns.delete_many({"session": session})  # what came in between


def turn_in(session: Row, row: Row) -> Turn:
    """A turn from its row and its session's."""
    return turn_of(row | {"user_id": session["user_id"], "session_id": session["session_id"]})
