"""The store of conversations that a URL names.

Knows the schemes. Opens nothing: a store does that at its first call, so that a service starts
whatever state its history is in.
"""

from pathlib import Path

from rag_pipelines.chat.history.mongo import MongoHistory
from rag_pipelines.chat.history.protocol import ChatHistory, Feedback
from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.errors import ConfigError


async def all_feedback(history: ChatHistory) -> list[Feedback]:
    """All feedback that a store keeps, oldest first; the store is closed afterwards."""
    try:
        return await history.feedback()
    finally:
        await history.close()


def open_history(url: str, ttl_days: float | None = None) -> ChatHistory:
    """`sqlite:///FILE`, `mongodb://…` or `mongodb+srv://…`. Raises `ConfigError` for others."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteHistory(Path(rest[1:]), ttl_days)
    if scheme in ("mongodb", "mongodb+srv") and rest:
        return MongoHistory(url, ttl_days)
    raise ConfigError(
        f"RAG_HISTORY_URL: found a URL of {scheme!r} that names no store; allowed: "
        "sqlite:///FILE, such as sqlite:////var/lib/rag/history.db, or mongodb://host/database"
    )
