"""A circuit breaker: a server that keeps failing is left alone for a while.

Knows when a call may be made and what its end says about the server. Does not know what is called.
Written here because a library (purgatory) lets every waiting call through when the pause is over
and takes a reader that goes away for a failure or a success.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from rag_pipelines.errors import ModelError, ModelUnavailable, RagError
from rag_pipelines.inference.transport import Refused

State = Literal["closed", "open", "half_open"]


class Circuit:
    """Open after `limit` failures in a row; `pause` seconds later one call is let through.

    That call's success closes it, its failure opens it anew. Used from one event loop.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        pause: float,
        failure: type[RagError] = ModelError,
        unavailable: type[RagError] = ModelUnavailable,
    ) -> None:
        """`failure` is what counts; `unavailable` is raised for calls that may not be made."""
        self._failure, self._unavailable = failure, unavailable
        self._name = name
        self._limit = limit
        self._pause = pause
        self._failures = 0
        self._last = ""
        self._opens_until: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        """`half_open` from the end of the pause until the call after it has ended."""
        if self._opens_until is None:
            return "closed"
        return "open" if self._left() > 0 else "half_open"

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around one call. Raises `unavailable` where none may be made.

        A call that its reader ends says nothing about the server; one that a model's server
        refuses says that it is there.
        """
        probe = self._admitted()
        try:
            yield
        except Refused:
            self._succeeded()
            raise
        except self._failure as error:
            self._failed(error, probe)
            raise
        else:
            self._succeeded()
        finally:
            if probe:
                self._probing = False

    def _admitted(self) -> bool:
        """Whether this call is the one after the pause."""
        if self.state == "closed":
            return False
        if self.state == "open" or self._probing:
            when = f"in {self._left():.0f} s" if self._left() > 0 else "just now"
            failed = f"{self._failures} times in a row" if self._failures > 1 else "once"
            raise self._unavailable(
                f"{self._name} failed {failed} and is tried again {when}; at last: {self._last}"
            )
        self._probing = True
        return True

    def _succeeded(self) -> None:
        self._failures = 0
        self._opens_until = None

    def _failed(self, error: RagError, probe: bool) -> None:
        self._failures += 1
        self._last = str(error)
        # Calls from before it opened fail later: they do not make the pause longer.
        if probe or (self._opens_until is None and self._failures >= self._limit):
            self._opens_until = time.monotonic() + self._pause

    def _left(self) -> float:
        return (self._opens_until or 0) - time.monotonic()
