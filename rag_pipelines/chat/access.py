"""Whose question it is: the user that a request speaks for.

Knows callers and users. Does not know what they ask, nor how `gate` knows a caller.
"""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from rag_pipelines.errors import UserError

LOCAL = "local"
"""The user where nobody is named."""


class ForeignUser(UserError):
    """A request names another user than the one whose key it brings."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request. `user` is None where no key tells; `keyed` where one has to."""

    user: str | None = None
    keyed: bool = False


def caller_of(request: HTTPConnection) -> Caller:
    """Who makes this request, as the gate found out."""
    return getattr(request.state, "caller", Caller())


def user_of(request: HTTPConnection, given: str | None) -> str:
    """The user that a request speaks for; `given` is the `user_id` in its body or query.

    Where keys exist it is the key's owner and nobody else. Raises `ForeignUser`.
    """
    caller = caller_of(request)
    if not caller.keyed:
        return given or LOCAL
    if caller.user is None or given not in (None, "", caller.user):
        raise ForeignUser(
            "user_id is not the user of this key: leave it out, or send that user's key."
        )
    return caller.user
