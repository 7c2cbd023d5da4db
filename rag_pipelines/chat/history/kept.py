"""How a conversation is kept, whatever the store: times, titles, and records back from rows.

Knows neither SQL nor MongoDB.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rag_pipelines.chat.history.protocol import (
    Feedback,
    Session,
    Turn,
    UnknownAnswer,
    UnknownSession,
)
from rag_pipelines.records import Citation

MAX_TITLE = 80


def moment(days_ago: float = 0) -> str:
    """Now, or so many days ago: UTC, of one width, so that times sort as text."""
    then = datetime.now(UTC) - timedelta(days=min(days_ago, 100_000))
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def title_of(question: str) -> str:
    """A session's title from its first question."""
    text = " ".join(question.split())
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1].rstrip()}…"


def storable(turn: Turn) -> Turn:
    """A turn as every store can take it: a model may have written lone surrogates."""
    return replace(turn, content=turn.content.encode("utf-8", "replace").decode())


def unknown_session(session_id: str) -> UnknownSession:
    """One and the same for what is not there and what is somebody else's."""
    return UnknownSession(f"There is no session {session_id!r} of this user.")


def unknown_answer(answer_id: str) -> UnknownAnswer:
    """One and the same for what is not there and what was given to somebody else."""
    return UnknownAnswer(f"There is no answer {answer_id!r} that was given to this user.")


def session_of(row: Mapping[str, Any]) -> Session:
    """A session from what a store read; columns of the store's own are passed over."""
    return Session(**_known(Session, row))


def turn_of(row: Mapping[str, Any]) -> Turn:
    """A turn from what a store read, its citations as a list of mappings."""
    known = _known(Turn, row)
    known["abstained"] = bool(known["abstained"])
    return Turn(**known)


def feedback_of(row: Mapping[str, Any]) -> Feedback:
    """Feedback from what a store read, its citations as a list of mappings."""
    return Feedback(**_known(Feedback, row))


def _known(record: type[Any], row: Mapping[str, Any]) -> dict[str, Any]:
    found = {field.name: row[field.name] for field in fields(record) if field.name in row}
    if "citations" in found:
        found["citations"] = [Citation(**_known(Citation, each)) for each in found["citations"]]
    return found
