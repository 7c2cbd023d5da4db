"""Question, passages and conversation in, a prompt that fits the generator out.

Knows how retrieved text is kept apart from instructions and what is left out first. Does not know
how passages are found, or what becomes of the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from rag_pipelines.chat.templates import rendered, template_digest
from rag_pipelines.chat.visible import visible
from rag_pipelines.inference.protocols import NO_ANSWER, Generator, Message, Prompt
from rag_pipelines.records import Hit

_FRAME = 16
"""Tokens that a chat template puts around a message, at most."""
_SHORTEST_CUT = 64
_NONCE = 16
"""Hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt, how many of the generator's tokens it has, and what found no room in it."""

    prompt: Prompt
    tokens: int
    dropped: int
    """Passages."""
    dropped_turns: int
    """Messages of the conversation."""


async def fitted_prompt(
    question: str,
    hits: Sequence[Hit],
    generator: Generator,
    room: int,
    history: Sequence[Message] = (),
) -> Fitted:
    """The prompt with as many of the best passages as `room` tokens hold, one at least.

    What the passages leave holds the conversation's last messages, as many as fit. A first
    passage that is too long by itself is cut rather than left out; the system text never is.
    """
    frame = prompt_of(question, ())
    passages = [_passage(hit) for hit in hits]
    earlier = [visible(message.content) for message in history]
    fixed, *costs = await generator.count_tokens([frame.system + frame.user, *passages, *earlier])
    room -= fixed + 2 * _FRAME
    taken = _fitting(costs[: len(hits)], room)
    kept = list(hits[:taken])
    spent = sum(costs[:taken])
    if hits and not kept:
        kept, spent = [_cut(hits[0], costs[0], room)], room
    turns = _fitting([cost + _FRAME for cost in costs[len(hits) :]][::-1], room - spent)
    said = history[len(history) - turns :]
    prompt = prompt_of(question, kept, said)
    tokens = await _counted(prompt, generator)
    return Fitted(prompt, tokens, len(hits) - len(kept), len(history) - turns)


def prompt_of(question: str, hits: Sequence[Hit], history: Sequence[Message] = ()) -> Prompt:
    """The prompt with all of these passages: the same for the same question and passages.

    The nonce on the lines around the passages is a digest of what stands between them and of the
    question, so that no passage can hold it, and a model is asked the same thing twice.
    """
    asked = " ".join(visible(question).split())
    passages = "\n\n".join(_passage(hit) for hit in hits)
    nonce = sha256(f"{asked}\0{passages}".encode()).hexdigest()[:_NONCE]
    user = rendered("user", nonce=nonce, passages=passages, question=asked)
    shown = [replace(message, content=visible(message.content)) for message in history]
    system = rendered("system", no_answer=NO_ANSWER)
    return Prompt(system, user, question, hits, prompt_digest(), shown)


def prompt_digest() -> str:
    """Digest of the templates that answers are asked for with."""
    return template_digest("system", "user")


async def _counted(prompt: Prompt, generator: Generator) -> int:
    counts = await generator.count_tokens([message.content for message in prompt.messages])
    return sum(counts) + _FRAME * len(counts)


def _fitting(costs: Sequence[int], room: int) -> int:
    """How many of the first costs fit."""
    for taken, cost in enumerate(costs):
        room -= cost
        if room < 0:
            return taken
    return len(costs)


def _passage(hit: Hit) -> str:
    """One passage. Not numbered: a small model copies numbers, and `grounding` cites by itself."""
    chunk = hit.chunk
    where = " > ".join(part for part in (chunk.title, chunk.heading) if part)
    return f"From: {' '.join(visible(where).split())}\n{visible(chunk.text)}"


def _cut(hit: Hit, cost: int, room: int) -> Hit:
    """The beginning of a passage that has `cost` tokens and may have `room`."""
    text = hit.chunk.text
    share = max(room - _FRAME, _SHORTEST_CUT) / max(cost, 1)
    kept = text[: int(len(text) * min(1.0, share * 0.9))]
    return replace(hit, chunk=replace(hit.chunk, text=kept, title="", heading=""))
