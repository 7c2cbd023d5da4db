"""A user's conversations over HTTP: list, read, rename, delete, export.

Knows JSON. Whose they are is found by `access`, where they are kept stands in `history`.
"""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from rag_pipelines.chat.access import user_of
from rag_pipelines.chat.history.protocol import ChatHistory, Session, Turn
from rag_pipelines.chat.schemas import Identifier, Plain, Said
from rag_pipelines.records import Citation

MAX_USER = 200
_MAX_LISTED = 500

GivenUser = Annotated[
    Plain | None, Query(max_length=MAX_USER, description="Whose; default the caller.")
]
SessionId = Annotated[Identifier, Path(description="As an answer names its session.")]
Title = Annotated[Said, Field(min_length=1, max_length=200)]


class SessionBody(BaseModel):
    """A conversation; `updated_at` is the time of its last turn."""

    session_id: str
    title: str
    turns: int
    created_at: str
    updated_at: str


class SessionsBody(BaseModel):
    """Conversations, the one last used first."""

    sessions: list[SessionBody]


class MessageBody(BaseModel):
    """A turn of a conversation; `rating` is null where its user said nothing of it."""

    seq: int
    role: Literal["user", "assistant"]
    content: str
    answer_id: str
    citations: list[Citation]
    release: str
    generation: int
    model: str
    prompt: str
    grounded: float
    abstained: bool
    state: Literal["complete", "interrupted"]
    created_at: str
    rating: Literal["up", "down"] | None


class ConversationBody(SessionBody):
    """A conversation with all that was said, in order."""

    messages: list[MessageBody]


class RenameBody(BaseModel):
    """A new title."""

    model_config = ConfigDict(extra="forbid")
    title: Title


def session_routes(history: ChatHistory) -> APIRouter:
    """The routes below `/api/sessions`."""
    router = APIRouter()

    @router.get("/api/sessions")
    async def sessions(
        request: Request,
        user_id: GivenUser = None,
        limit: Annotated[int, Query(ge=1, le=_MAX_LISTED)] = 100,
        before: Annotated[
            str, Query(pattern=r"^[0-9TZ:.-]{0,40}$", description="An `updated_at` to go on from.")
        ] = "",
    ) -> SessionsBody:
        """A user's conversations, the one last used first."""
        found = await history.sessions(user_of(request, user_id), limit, before)
        return SessionsBody(sessions=[_session(each) for each in found])

    @router.get("/api/sessions/{session_id}")
    async def read(
        session_id: SessionId, request: Request, user_id: GivenUser = None
    ) -> ConversationBody:
        """A conversation with all that was said."""
        return _conversation(*await history.read(user_of(request, user_id), session_id))

    @router.patch("/api/sessions/{session_id}")
    async def rename(
        session_id: SessionId, body: RenameBody, request: Request, user_id: GivenUser = None
    ) -> SessionBody:
        """Give a conversation another title."""
        user = user_of(request, user_id)
        return _session(await history.rename(user, session_id, body.title))

    @router.delete("/api/sessions/{session_id}", status_code=204)
    async def delete(session_id: SessionId, request: Request, user_id: GivenUser = None) -> None:
        """Delete a conversation, and what was said of its answers."""
        await history.delete(user_of(request, user_id), session_id)

    @router.get("/api/sessions/{session_id}/export", response_model=ConversationBody)
    async def export(
        session_id: SessionId, request: Request, user_id: GivenUser = None
    ) -> Response:
        """A conversation as a file."""
        body = _conversation(*await history.read(user_of(request, user_id), session_id))
        name = f'attachment; filename="conversation-{session_id}.json"'
        return Response(
            body.model_dump_json(indent=2),
            media_type="application/json",
            headers={"Content-Disposition": name},
        )

    return router


def _session(session: Session) -> SessionBody:
    return SessionBody.model_validate(asdict(session))


def _conversation(session: Session, turns: list[Turn]) -> ConversationBody:
    messages = [asdict(turn) | {"rating": turn.rating or None} for turn in turns]
    return ConversationBody.model_validate(asdict(session) | {"messages": messages})
