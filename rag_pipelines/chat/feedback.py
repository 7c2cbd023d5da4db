"""What people think of answers, over HTTP.

Knows JSON. Feedback is kept with the question, the answer and the release, model and prompt it
came from, so that it can be learned from after all of them have changed.
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from rag_pipelines.chat.access import user_of
from rag_pipelines.chat.history.protocol import ChatHistory, Feedback
from rag_pipelines.chat.schemas import Identifier, Plain
from rag_pipelines.chat.sessions import MAX_USER


class FeedbackBody(BaseModel):
    """An opinion of an answer. It replaces what the user said of that answer before."""

    model_config = ConfigDict(extra="forbid")
    answer_id: Identifier
    rating: Literal["up", "down"]
    correction: Annotated[Plain, Field(max_length=10_000)] = Field(
        default="", description="What the answer should have been."
    )
    comment: Annotated[Plain, Field(max_length=4_000)] = ""
    user_id: Annotated[Plain, Field(max_length=MAX_USER)] | None = None


def feedback_routes(history: ChatHistory) -> APIRouter:
    """`POST /api/feedback`."""
    router = APIRouter()

    @router.post("/api/feedback", status_code=204)
    async def feedback(body: FeedbackBody, request: Request) -> None:
        """Say whether an answer was good, and what it should have been."""
        user = user_of(request, body.user_id)
        question, answer = await history.answer(user, body.answer_id)
        await history.rate(
            Feedback(
                user_id=user,
                answer_id=body.answer_id,
                session_id=answer.session_id,
                rating=body.rating,
                question=question.content,
                answer=answer.content,
                correction=body.correction,
                comment=body.comment,
                citations=answer.citations,
                release=answer.release,
                model=answer.model,
                prompt=answer.prompt,
            )
        )

    return router
