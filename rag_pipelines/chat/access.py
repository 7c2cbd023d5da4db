"""Whose question it is: the user that a request speaks for.

Knows callers and users. Does not know what they ask.
"""

from starlette.requests import HTTPConnection

LOCAL = "local"
"""The user where nobody is named."""


def user_of(request: HTTPConnection, given: str | None) -> str:
    """The user that a request speaks for; `given` is the `user_id` in its body or query."""
    return given or LOCAL
