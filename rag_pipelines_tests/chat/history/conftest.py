from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from rag_pipelines.chat.history.protocol import ChatHistory
from rag_pipelines.chat.history.stores import open_history

Opener = Callable[..., ChatHistory]
"""Opens the test's store, again and again: `ttl_days` is the only choice."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'kept' / 'history.db'}"


@pytest.fixture
async def opened(history_url: str) -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:

        def open_it(ttl_days: float | None = None) -> ChatHistory:
            history = open_history(history_url, ttl_days)
            stack.push_async_callback(history.close)
            return history

        yield open_it


@pytest.fixture
def history(opened: Opener) -> ChatHistory:
    return opened()
