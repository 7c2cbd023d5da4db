"""What a store of conversations promises. No implementation lives here.

One suite of tests holds every store to it. Knows no SQL, no MongoDB and no HTTP.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

from rag_pipelines.errors import RagError
from rag_pipelines.records import Citation


class HistoryUnavailable(RagError):
    """The store cannot be reached, is full, or did not answer in time."""


class UnknownSession(RagError):
    """This user has no such session: it is not there, or it is somebody else's."""


class UnknownAnswer(RagError):
    """This user was given no such answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message of a conversation. `seq` numbers a session's turns from 1, without gaps.

    A question and its answer share `answer_id`. `state` of an answer is `interrupted` where its
    reader went away or the model failed in the middle; `content` is then what had been said.
    `created_at` is ISO 8601 in UTC. `release`, `model` and `prompt` are empty for questions.
    `rating` is what the user said of an answer since; only `read` fills it.
    """

    user_id: str
    session_id: str
    role: Literal["user", "assistant"]
    content: str
    answer_id: str
    seq: int = 0
    citations: list[Citation] = field(default_factory=list[Citation])
    release: str = ""
    generation: int = 0
    model: str = ""
    prompt: str = ""
    grounded: float = 0.0
    abstained: bool = False
    state: Literal["complete", "interrupted"] = "complete"
    created_at: str = ""
    rating: Literal["", "up", "down"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A conversation. `title` is the first question, cut, until a person renames it."""

    user_id: str
    session_id: str
    title: str
    turns: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person thought of an answer, with the question, the answer and where it came from.

    One for each user and answer: a later one replaces the earlier.
    """

    user_id: str
    answer_id: str
    session_id: str
    rating: Literal["up", "down"]
    question: str
    answer: str
    correction: str = ""
    comment: str = ""
    citations: list[Citation] = field(default_factory=list[Citation])
    release: str = ""
    model: str = ""
    prompt: str = ""
    created_at: str = ""


class ChatHistory(Protocol):
    """Keeps conversations. Every call raises `HistoryUnavailable` where the store fails.

    A session belongs to the user that began it, under an id that no other user can use: to
    anybody else it is unknown. Nothing is lost in silence and nothing is written twice.
    """

    failures: int
    """How many calls have raised `HistoryUnavailable`."""

    async def append(self, turn: Turn) -> Turn:
        """Store a turn as the session's next, beginning the session where it is new.

        Returns it with `seq` and `created_at`; a turn that is stored already is returned as it is.
        Raises `UnknownSession` where another user has a session of that id, and for an answer
        whose session was deleted while it was written. Safe under concurrent callers and processes.
        """
        ...

    async def recent(self, user_id: str, session_id: str, most: int) -> list[Turn]:
        """The last turns, oldest first; none where the session is new.

        Raises `UnknownSession` where it is another user's.
        """
        ...

    async def read(self, user_id: str, session_id: str) -> tuple[Session, list[Turn]]:
        """A session and all its turns in order. Raises `UnknownSession`."""
        ...

    async def sessions(self, user_id: str, most: int = 100, before: str = "") -> list[Session]:
        """A user's sessions, the one last used first; `before` is an `updated_at` to go on from."""
        ...

    async def rename(self, user_id: str, session_id: str, title: str) -> Session:
        """Give a session a title. Raises `UnknownSession`."""
        ...

    async def delete(self, user_id: str, session_id: str) -> None:
        """Remove a session, its turns and its feedback. Raises `UnknownSession`."""
        ...

    async def answer(self, user_id: str, answer_id: str) -> tuple[Turn, Turn]:
        """A question and its answer. Raises `UnknownAnswer`."""
        ...

    async def rate(self, feedback: Feedback) -> None:
        """Keep feedback, in place of what the user said of this answer before.

        Raises `UnknownAnswer` where its session is not this user's, or was deleted.
        """
        ...

    async def feedback(self) -> list[Feedback]:
        """All feedback of all users, oldest first."""
        ...

    async def ready(self) -> None:
        """Raise `HistoryUnavailable` unless the store answers now."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...
