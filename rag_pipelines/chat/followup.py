"""A follow-up becomes a question that can be searched for by itself.

Knows two ways: a generator that can is asked to rewrite it, and otherwise the question is joined
with the one before. The whole conversation is never searched for: it measured worst.
"""

from collections.abc import Sequence
from contextlib import aclosing

from rag_pipelines.chat.templates import rendered, template_digest
from rag_pipelines.chat.visible import visible
from rag_pipelines.errors import ModelError
from rag_pipelines.inference.protocols import Generator, Message, Prompt
from rag_pipelines.retrieval.conversation import joined
from rag_pipelines.retrieval.words import terms

_TURNS = 4
_TURN_CHARACTERS = 600
_TOKENS = 80
_LONGEST = 500
_KEPT, _SAID = 0.5, 0.8
"""Share of the question's words that a rewritten one keeps, and of its own that were said."""


async def standalone(question: str, earlier: Sequence[Message], generator: Generator) -> str:
    """What to search for: the question itself where nothing was said before it."""
    if not earlier:
        return question
    if generator.follows_instructions and (said := await _rewritten(question, earlier, generator)):
        return said
    return joined(question, [m.content for m in earlier if m.role == "user"])


async def _rewritten(question: str, earlier: Sequence[Message], generator: Generator) -> str:
    """The generator's question; empty where it failed or wrote something else."""
    said = [f"{m.role}: {visible(m.content)[:_TURN_CHARACTERS]}" for m in earlier[-_TURNS:]]
    user = rendered("rewrite_user", conversation="\n".join(said), question=visible(question))
    digest = template_digest("rewrite_system", "rewrite_user")
    prompt = Prompt(rendered("rewrite_system"), user, question, (), digest)
    try:
        async with aclosing(generator.stream(prompt, _TOKENS)) as pieces:
            written = "".join([piece async for piece in pieces]).strip()
    except ModelError:
        return ""  # the answer itself will tell what is wrong with the model
    return written if _is_rewritten(written, question, earlier) else ""


def _is_rewritten(written: str, question: str, earlier: Sequence[Message]) -> bool:
    """Whether it is one line that asks what was asked, in words of the conversation."""
    if not written or "\n" in written or len(written) > _LONGEST:
        return False
    asked, new = set(terms(question)), set(terms(written))
    known = asked.union(*(terms(message.content) for message in earlier))
    return len(new & known) >= _SAID * len(new) and len(asked & new) >= _KEPT * len(asked)
