from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from rag_pipelines.chat.history.protocol import ChatHistory
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines_tests.chat.history.mongo_server import free_port, mongo_server

Opener = Callable[..., ChatHistory]
"""Opens the test's store, again and again: `ttl_days` is the only choice."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def mongo_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where one server of this test run listens."""
    port = free_port()
    with mongo_server(tmp_path_factory.mktemp("mongo"), port):
        yield port


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.mongo)])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of the test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kept' / 'history.db'}"
    return f"mongodb://127.0.0.1:{request.getfixturevalue('mongo_port')}/{uuid4().hex}"


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
