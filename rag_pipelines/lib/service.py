"""The running chat service, seen from the pipelines: a hint that it may look, and what it serves.

The pointer file is the contract: the service follows it without being asked, so everything here
may fail without harm. Where the service asks for keys, these calls bring `RAG_KEY`.
"""

import time
from contextlib import suppress
from typing import Any

import httpx

from rag_pipelines.errors import RagError
from rag_pipelines.settings import Settings

_PATIENCE = 30.0


class Untold(RagError):
    """What the service serves is not known; the message says why."""


def service_url(settings: Settings) -> str:
    """Where the chat service listens, if it runs."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def call(
    settings: Settings, method: str, path: str, body: object = None, timeout: float = 2.0
) -> httpx.Response:
    """What the chat service answers. Raises `Untold` where none does, or it asks for a key."""
    key = settings.key.get_secret_value() if settings.key else ""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{service_url(settings)}{path}"
    try:
        answer = httpx.request(
            method, url, json=body, headers=headers, timeout=timeout, trust_env=False
        )
    except (httpx.HTTPError, ValueError) as error:  # a key that no header can hold, for one
        raise Untold(f"no chat service answers ({type(error).__name__})") from None
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise Untold(
            "the chat service asks for a key: make one with `rag keys add pipelines`, and set "
            "RAG_KEY to it where the pipelines run"
        )
    return answer


def served(settings: Settings) -> dict[str, Any]:
    """What the chat service says it serves. Raises `Untold`."""
    answer = call(settings, "GET", "/api/release")
    if answer.status_code != httpx.codes.OK:
        raise Untold(f"the chat service answers with status {answer.status_code}")
    return dict(answer.json())


def wait_until_served(settings: Settings, generation: int) -> float | str:
    """Seconds until the service serves this generation, or why that is not known."""
    began = time.monotonic()
    try:
        call(settings, "POST", "/admin/reload")
    except Untold as why:
        return str(why)
    while time.monotonic() - began < _PATIENCE:
        with suppress(Untold):
            if served(settings).get("generation", 0) >= generation:
                return round(time.monotonic() - began, 2)
        time.sleep(0.2)
    return f"the chat service did not follow within {_PATIENCE:.0f} seconds"
