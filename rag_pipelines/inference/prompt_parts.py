"""What a prompt of the chat service was made of, read back from its text.

Knows the frame that the chat room's `prompts/user.txt` puts around passages and question. Does not
make prompts.
"""

import re
from dataclasses import dataclass

_USER = re.compile(
    r"(?P<before>.*?^passages (?P<nonce>\w+)\n)(?P<passages>.*)"
    r"(?P<between>^end of passages (?P=nonce)\n\nQuestion: )(?P<question>.*)",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class PromptParts:
    """A user message in its parts: `before + passages + between + question` is the message."""

    before: str
    passages: str
    between: str
    question: str


def parts_of(user: str) -> PromptParts | None:
    """The parts of a message that `prompt_of` rendered; None of any other text."""
    found = _USER.fullmatch(user)
    if found is None:
        return None
    return PromptParts(found["before"], found["passages"], found["between"], found["question"])
