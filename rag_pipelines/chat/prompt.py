"""Question and passages in, a prompt that fits the generator out.

Knows the template files, how retrieved text is kept apart from instructions, and how many tokens
a text has at most. Does not know how passages are found, or what becomes of the answer.
"""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template

from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.inference.token_counts import approximate_tokens
from rag_pipelines.records import Hit

NO_ANSWER = "NO ANSWER"
"""What the generator is told to write where the passages do not answer."""

_BYTES_PER_TOKEN = 3
_FRAME = 3
_SHORTEST_CUT = 64
_HIDDEN = frozenset({"Cf", "Cc", "Cs", "Co", "Cn"})
_VARIATION = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_VARIATION_EXTENDED = re.compile("[\U000e0100-\U000e01ef]")
# Some servers read these inside a message too, as the end of it and the start of another.
_CONTROL = re.compile(
    r"<\s*[|\uff5c][^<>\n]{0,60}[|\uff5c]\s*>"
    r"|</?(?:s|bos|eos|start_of_turn|end_of_turn)>"
    r"|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt, about how many tokens it has, and how many passages found no room in it."""

    prompt: Prompt
    tokens: int
    dropped: int


def visible(text: str) -> str:
    """The text as a reader sees it: no hidden characters, no generator's control tokens."""
    shown = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)
    shown = _VARIATION_EXTENDED.sub("", _VARIATION.sub("", shown))
    while (cleaned := _CONTROL.sub("", shown)) != shown:  # removal may join another one
        shown = cleaned
    return shown


def fitted_prompt(question: str, hits: Sequence[Hit], room: int) -> Fitted:
    """The prompt with as many of the best passages as `room` tokens hold, one at least.

    A first passage that is too long by itself is cut rather than left out.
    """
    nonce = secrets.token_hex(8)
    taken: list[Hit] = []
    room -= approximate_tokens("".join(_rendered(question, (), nonce)))
    for hit in hits:
        cost = approximate_tokens(_passage(hit)) + 1
        if cost > room:
            break
        taken.append(hit)
        room -= cost
    if hits and not taken:
        taken = [_cut(hits[0], room - _FRAME)]
    system, user = _rendered(question, taken, nonce)
    prompt = Prompt(system, user, question, taken, prompt_digest())
    return Fitted(prompt, approximate_tokens(system + user), len(hits) - len(taken))


@cache
def prompt_digest() -> str:
    """First 16 hex digits of the SHA-256 of the template files."""
    return sha256("\0".join((_template("system"), _template("user"))).encode()).hexdigest()[:16]


@cache
def _template(name: str) -> str:
    return (files("rag_pipelines.chat") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")


def _rendered(question: str, hits: Sequence[Hit], nonce: str) -> tuple[str, str]:
    passages = "\n\n".join(_passage(hit) for hit in hits)
    system = Template(_template("system")).substitute(no_answer=NO_ANSWER)
    user = Template(_template("user")).substitute(
        nonce=nonce, passages=passages, question=" ".join(visible(question).split())
    )
    return system.strip(), user.strip()


def _passage(hit: Hit) -> str:
    """One passage. Not numbered: a small model copies numbers, and `grounding` cites by itself."""
    chunk = hit.chunk
    where = " > ".join(part for part in (chunk.title, chunk.heading) if part)
    return f"From: {' '.join(visible(where).split())}\n{visible(chunk.text)}"


def _cut(hit: Hit, room: int) -> Hit:
    kept = hit.chunk.text.encode()[: max(room, _SHORTEST_CUT) * _BYTES_PER_TOKEN].decode(
        errors="ignore"
    )
    return replace(hit, chunk=replace(hit.chunk, text=kept, title="", heading=""))
