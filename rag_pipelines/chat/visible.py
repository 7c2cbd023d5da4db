"""Text as a reader sees it, before a model is given it.

Knows characters that are not seen and tokens that a server reads as its own. Not markup.
"""

import re
import unicodedata
from functools import lru_cache

_HIDDEN = frozenset({"Cf", "Cc", "Cs", "Co", "Cn"})
_KEPT = frozenset("\n\t")
_VARIATION = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_VARIATION_EXTENDED = re.compile("[\U000e0100-\U000e01ef]")
# Some servers read these inside a message too, as the end of it and the start of another.
_CONTROL = re.compile(
    r"<\s*[|\uff5c][^<>\n]{0,60}[|\uff5c]\s*>"
    r"|</?(?:s|bos|eos|start_of_turn|end_of_turn)>"
    r"|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)


@lru_cache(maxsize=2_000)
def visible(text: str) -> str:
    """The text as a reader sees it: no hidden characters, no generator's control tokens."""
    hidden = {ord(c) for c in set(text) - _KEPT if unicodedata.category(c) in _HIDDEN}
    shown = text.translate(dict.fromkeys(hidden)) if hidden else text
    if not shown.isascii():
        shown = _VARIATION_EXTENDED.sub("", _VARIATION.sub("", shown))
    while (cleaned := _CONTROL.sub("", shown)) != shown:  # removal may join another one
        shown = cleaned
    return shown
