"""How a mistake in a setting or a configuration file reads: what was found, what is allowed.

Turns pydantic's errors into words. Does not know where a value came from: the callers add the
variable's name or the file and line.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST = 80
_WORDS = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text (put it in quotes)",
    "too_short": "at least one item",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "finite_number": "a finite number",
}
_PREFIXES = ("Value error, ", "Input should be ", "Input should have ", "Value should have ")


def word(text: object) -> str:
    """A name as it was written, in quotes where a terminal could not show it as it is."""
    plain = str(text)
    if not plain.strip() or not plain.isprintable():
        plain = repr(plain)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"


def found(value: object) -> str:
    """The value in the words of whoever wrote it, cut where it is long."""
    match value:
        case None:
            return "nothing"
        case SecretStr():
            return "a value that is not shown"
        case bool():
            return str(value).lower()
        case Path():
            return found(str(value))
        case dict():
            return word(f"a mapping of {', '.join(map(word, value))}") if value else "{}"
        case list() | tuple():
            return "a list" if value else "[]"
        case _:
            text = repr(value)
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def allowed(error: "ErrorDetails") -> str:
    """What pydantic, or a validator's own message, would have taken."""
    message = _WORDS.get(error["type"], error["msg"])
    for prefix in _PREFIXES:
        message = message.removeprefix(prefix)
    return message


def found_and_allowed(error: "ErrorDetails") -> str:
    """`found X; allowed Y` for an error about a value, not about a key."""
    if error["type"] == "missing":
        return "found nothing; allowed: a value, it is required"
    return f"found {found(error['input'])}; allowed: {allowed(error)}"


def unknown(name: str, known: Iterable[str]) -> str:
    """`found X; allowed Y` for a name that nobody reads, with the nearest one that is read."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"found an unknown name; allowed: {', '.join(names)}{hint}"
