"""HTTP to model servers that the operator configured, with an end to every wait.

Not the way to content: pages and files are fetched by `storage.fetch`. Does not know any
server's protocol.
"""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from traceback import format_exception
from typing import TypeVar

import httpx

from rag_pipelines.errors import ModelError, ModelUnavailable, RagError
from rag_pipelines.inference.servers import ModelServers

Answer = TypeVar("Answer")


class Passing(ModelUnavailable):
    """An error that another attempt may get past."""


class Refused(ModelError):
    """The server is well but will not answer this request, as it is, at any time."""


class DeadlineTransport(httpx.HTTPTransport):
    """Ends an answer that is still coming after `seconds`, however steadily it drips."""

    def __init__(self, seconds: float) -> None:
        super().__init__(trust_env=False)
        self._seconds = seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as ever, but with a body that stops at the deadline."""
        deadline = time.monotonic() + self._seconds
        response = super().handle_request(request)
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _Until(response.stream, deadline)
        return response


class _Until(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            yield piece
            if time.monotonic() > self._deadline:
                raise httpx.ReadTimeout("the answer took longer than allowed")

    def close(self) -> None:
        self._stream.close()


def timeouts(servers: ModelServers) -> httpx.Timeout:
    """Limits of single waits."""
    return httpx.Timeout(servers.read_timeout, connect=servers.connect_timeout)


@cache
def tls() -> ssl.SSLContext:
    """What connections are checked with. Made once: it takes longer than the client around it."""
    return httpx.create_ssl_context(trust_env=False)


def refused(name: str, status: int, message: str, remedy: str) -> ModelError:
    """The error for an answer with that HTTP status."""
    said = f"{name}: the server answered {status} ({message[:300]})"
    if status == 404:
        return ModelUnavailable(f"{said}; {remedy}")
    if status == 429 or status >= 500:
        return Passing(said)
    return Refused(said) if status >= 400 else ModelError(said)


def without(secret: str, text: str) -> str:
    """A text of a server's, which may repeat a secret that it was sent. Cut it afterwards."""
    return text.replace(secret, "***") if secret else text


@contextmanager
def unrepeated(secret: str) -> Iterator[None]:
    """Let no error out that repeats a secret, nor one that it came from.

    Whoever logs the error, or keeps it in Dagster's event log, need not know of secrets then.
    """
    try:
        yield
    except RagError as error:
        if secret and secret in "".join(format_exception(error)):
            raise type(error)(without(secret, str(error))) from None
        raise


@contextmanager
def typed_errors(name: str, remedy: str) -> Iterator[None]:
    """Turn what HTTP and JSON raise into `ModelUnavailable` and `ModelError`."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Passing(f"{name}: no server answers ({error}); {remedy}") from error
    except httpx.TimeoutException as error:
        raise ModelError(f"{name}: the answer did not come in time ({error})") from error
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
        raise Passing(f"{name}: the connection broke off ({error})") from error
    except httpx.HTTPError as error:
        raise ModelError(f"{name}: the request failed ({error})") from error
    except (ValueError, AttributeError, LookupError, TypeError) as error:
        # JSON that is none, or JSON of another shape: the clients check little of it.
        raise ModelError(f"{name}: the answer cannot be read ({error})") from error


def retried(call: Callable[[], Answer], servers: ModelServers) -> Answer:
    """What `call` answers, after at most `servers.retries` further attempts.

    Another attempt is made after an error that may pass: nobody answered, or the server said
    that it is busy or broken.
    """
    delay = servers.retry_delay
    for _ in range(servers.retries):
        try:
            return call()
        except Passing:
            time.sleep(delay)
        delay *= 2
    return call()
