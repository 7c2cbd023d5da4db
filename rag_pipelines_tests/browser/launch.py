from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from rag_pipelines_tests.machine import browser as browser_path


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, headless, while the block runs."""
    arguments = ["--no-sandbox", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=arguments)
        yield browser
        browser.close()
