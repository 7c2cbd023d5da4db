"""What happens while a question is answered, in order. Only data."""

from dataclasses import dataclass, field
from typing import Literal

from rag_pipelines.records import Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the answer took, in the model's tokens: see `Generator.count_tokens`.

    `context_tokens` are the prompt's. `dropped_chunks` counts retrieved passages and
    `dropped_turns` earlier turns of the conversation that found no room. `prompt_tokens` and
    `completion_tokens` are None where no model was asked.
    """

    context_tokens: int = 0
    context_limit: int = 0
    dropped_chunks: int = 0
    dropped_turns: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as every interface tells it. `model` is the one whose words these are.

    `history` says whether the conversation keeps it: `off` where it keeps none.
    """

    answer: str
    answer_id: str
    session_id: str
    citations: list[Citation]
    release: str
    generation: int
    model: str
    prompt: str
    grounded: float
    abstained: bool
    usage: Usage = field(default_factory=Usage)
    history: Literal["stored", "failed", "off"] = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """Passages were found for the question, as it stands by itself; the model is asked next."""

    session_id: str
    answer_id: str
    question: str
    results: int
    release: str
    generation: int
    model: str


@dataclass(frozen=True, slots=True)
class Token:
    """More of the draft, which the answer may take back."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """More of the answer, checked and with its mark; never taken back."""

    text: str
    citation: Citation | None
    """The passage it rests on, where no sentence before cited it."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer."""

    answer: Answer


Event = Retrieved | Token | Sentence | Done
