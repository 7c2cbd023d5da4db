"""OpenAI's chat protocol as far as it is spoken here, typed and bounded.

https://platform.openai.com/docs/api-reference/chat. Fields that are not named are let pass:
front ends send many.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from rag_pipelines.chat.schemas import MAX_QUESTION, Identifier, Plain
from rag_pipelines.records import Citation

MODEL = "rag"
"""Answers from what is being served; `rag:RELEASE` from a release by name."""
MAX_MESSAGES = 500
MAX_CONTENT = 100_000
MAX_PARTS = 50

Text = Annotated[Plain, Field(max_length=MAX_CONTENT)]


class TextPart(BaseModel):
    """A part of a message. Pictures and sound are not understood."""

    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    """One message. Of these, questions and answers are read; see `openai_api`."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | Annotated[list[TextPart], Field(max_length=MAX_PARTS)] | None = None

    @property
    def text(self) -> str:
        """The whole of its text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream tells besides the answer."""

    model_config = ConfigDict(strict=True)
    include_usage: bool = False


_EXAMPLE: Final[JsonDict] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "How long is the warranty?"}],
}


class CompletionBody(BaseModel):
    """A conversation whose last message is the question."""

    model_config = ConfigDict(
        strict=True, json_schema_extra={"examples": [_EXAMPLE, {**_EXAMPLE, "stream": True}]}
    )
    model: Annotated[str, Field(max_length=200)] = MODEL
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    session_id: Identifier | None = Field(
        default=None,
        description="Keep question and answer in this session; unset, nothing is kept.",
    )

    @field_validator("messages")
    @classmethod
    def _asks(cls, messages: list[ChatMessage]) -> list[ChatMessage]:
        last = messages[-1]
        if last.role != "user" or not last.text.strip():
            raise ValueError("the last message must be the user's question")
        if len(last.text) > MAX_QUESTION:
            raise ValueError(f"the question has more than {MAX_QUESTION} characters")
        return messages


class SaidMessage(BaseModel):
    """The answer; `citations` is an extension of the protocol."""

    role: Literal["assistant"] = "assistant"
    content: str
    citations: list[Citation]


class Choice(BaseModel):
    """The only one there is."""

    index: Literal[0] = 0
    message: SaidMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class CompletionUsage(BaseModel):
    """Tokens as the model counts them; 0 where no model wrote."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """An answer. `release`, `answer_id` and `grounded` are extensions."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage
    release: str
    answer_id: str
    grounded: float


class ModelEntry(BaseModel):
    """A model that may be named."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "rag_pipelines"


class ModelList(BaseModel):
    """What is being served, and the good releases that may be named."""

    model_config = ConfigDict(json_schema_extra={"title": "Models"})
    object: Literal["list"] = "list"
    data: list[ModelEntry]


def chunk(shared: dict[str, Any], delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
    """A piece of a streamed completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {**shared, "object": "chat.completion.chunk", "choices": [choice]}
