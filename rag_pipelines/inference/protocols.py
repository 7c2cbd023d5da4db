"""What an embedder, a generator and a captioner promise. No implementation lives here."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.records import Hit


class Tokenizer(Protocol):
    """Counts and locates a model's own tokens."""

    fingerprint: str

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted."""
        ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span of each token, in order, special tokens left out."""
        ...


class Embedder(Protocol):
    """Texts in, unit vectors out. Also satisfies LangChain's `Embeddings`.

    Raises `ModelUnavailable` where the model cannot be had and `ModelError` where it answers
    with the wrong count or dimension, or with values that are not finite.
    """

    name: str
    """As configured, `provider:model`."""
    fingerprint: str
    """Digest of name, weights, pooling and normalisation: where equal, vectors compare."""
    dimension: int
    max_tokens: int
    """Longest input in tokens, special tokens not counted."""
    tokenizer: Tokenizer

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, shape (len(texts), dimension)."""
        ...

    def embed_documents(self, texts: list[str]) -> list[list[float]]: ...

    def embed_query(self, text: str) -> list[float]: ...


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, as chat models take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question with what was retrieved for it, before any model's template.

    `system` and `user` are the rendered texts; `question` and `hits` are what they were
    rendered from, for generators that read passages rather than prompts. `history` holds earlier
    messages of the conversation, oldest first.
    """

    system: str
    user: str
    question: str
    hits: Sequence[Hit]
    digest: str
    """Digest of the prompt's template files."""
    history: Sequence[Message] = ()

    @property
    def messages(self) -> list[Message]:
        """What a chat model is sent: the system text, earlier messages, the question."""
        return [Message("system", self.system), *self.history, Message("user", self.user)]


NO_ANSWER = "NO ANSWER"
"""What a generator writes where the passages do not answer."""


class Quotation(str):
    """A whole answer that stands verbatim in a passage: `hit.chunk.text[start:end]`.

    A generator that reads passages may yield one as its only piece; it is cited where it says it
    stands.
    """

    def __new__(cls, hit: Hit, start: int, end: int) -> "Quotation":
        quotation = super().__new__(cls, hit.chunk.text[start:end])
        quotation.hit, quotation.start, quotation.end = hit, start, end
        return quotation

    hit: Hit
    start: int
    end: int


class Generator(Protocol):
    """Writes an answer. Raises `ModelUnavailable` or `ModelError`, never returns half an answer."""

    name: str
    digest: str
    context_tokens: int
    """How many tokens prompt and answer may have together."""
    slots: int
    """How many answers it writes at once; a further question would wait inside it."""
    follows_instructions: bool
    """Whether it can be asked for more than an answer, such as to rewrite a question."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, by the model's own tokenizer where it can be asked.

        Otherwise an estimate that errs towards too many.
        """
        ...

    def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        """Pieces of the answer as they come. Closing it, or cancelling its reader, ends the work.

        The model stops within a second, and nothing of the request is left behind.
        """
        ...


class Summariser(Protocol):
    """Says in a few words what a text holds. Raises `ModelUnavailable` or `ModelError`."""

    name: str
    """As configured, `provider:model`."""

    @property
    def fingerprint(self) -> str:
        """The name, a space and a digest: where equal, the same text has the same summary."""
        ...

    def summarise(self, text: str) -> str:
        """A summary in one line, never empty; of a text that is too long, of its beginning."""
        ...


class Captioner(Protocol):
    """Says what a picture shows. Raises `ModelUnavailable` or `ModelError`."""

    name: str
    """As configured, `provider:model`."""

    def caption(self, png: bytes, hint: str) -> str:
        """A description, never empty. `hint` is what is printed beside the picture."""
        ...
