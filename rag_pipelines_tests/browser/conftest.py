from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from rag_pipelines.chat.server import address, listen
from rag_pipelines_tests.browser.fake import Fake, app_of
from rag_pipelines_tests.browser.launch import chromium

WAIT_MS = 10_000


# Not of the session: while Playwright runs, this thread has a running event loop.
@pytest.fixture(scope="package", name="chromium")
def running_chromium() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def base(fake: Fake) -> Iterator[str]:
    """The address of the page over `fake`."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(app_of(fake), log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield address(listening)
    server.should_exit = True
    thread.join()


@dataclass
class Watched:
    """What a page did that it must never do."""

    dialogs: list[str]
    violations: list[str]
    elsewhere: list[str]
    errors: list[str]

    def nothing(self) -> bool:
        return not (self.dialogs or self.violations or self.elsewhere or self.errors)


@pytest.fixture
def watched() -> Watched:
    return Watched([], [], [], [])


_LISTEN = """
document.addEventListener("securitypolicyviolation",
    (event) => violated(`${event.effectiveDirective} ${event.blockedURI}`));
"""


@pytest.fixture
def page(chromium: Browser, base: str, watched: Watched) -> Iterator[Page]:
    """A page of its own, not opened yet."""
    context = chromium.new_context(base_url=base)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on(
        "request",
        lambda request: request.url.startswith(base) or watched.elsewhere.append(request.url),
    )
    page.expose_function("violated", lambda told: watched.violations.append(told))
    page.add_init_script(_LISTEN)
    yield page
    context.close()
