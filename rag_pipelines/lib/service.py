"""The running chat service, seen from the pipelines: a hint that it may look, and what it serves.

The pointer file is the contract; everything here may fail without harm.
"""

import time
from typing import Any

import httpx

from rag_pipelines.settings import Settings

_PATIENCE = 30.0


def service_url(settings: Settings) -> str:
    """Where the chat service listens, if it runs."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def served(settings: Settings) -> dict[str, Any] | None:
    """What the chat service says it serves; None where none answers."""
    try:
        answer = httpx.get(f"{service_url(settings)}/api/release", timeout=2.0, trust_env=False)
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None


def wait_until_served(settings: Settings, generation: int) -> float | None:
    """Seconds until the service serves this generation; None where no service answers in time."""
    began = time.monotonic()
    try:
        httpx.post(f"{service_url(settings)}/admin/reload", timeout=2.0, trust_env=False)
    except httpx.HTTPError:
        return None
    while time.monotonic() - began < _PATIENCE:
        found = served(settings)
        if found and found.get("generation", 0) >= generation:
            return round(time.monotonic() - began, 2)
        time.sleep(0.2)
    return None
