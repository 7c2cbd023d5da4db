"""The page over the real service: what a person does in the first minutes, with nothing played."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import httpx
import pytest
from playwright.sync_api import Page, expect

from rag_pipelines.chat.history.sqlite import SqliteHistory
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines_tests.browser.conftest import Watched
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish, releases_in
from rag_pipelines_tests.chat.service import app_over, ready, running, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

pytestmark = pytest.mark.browser

SAYS = "The warranty of the kettle lasts 2 years in edition 1. It is green cheese."


@pytest.fixture(scope="module")
def echo() -> Echo:
    return Echo(says=SAYS)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, echo: Echo) -> Iterator[str]:
    """The service's address: in place of the fake's."""
    folder: Path = tmp_path_factory.mktemp("service")
    releases = releases_in(folder)
    publish(releases, 1)
    live = LiveRelease(releases, TopicEmbedder(), lambda name: echo)
    with running(app_over(live, history=SqliteHistory(folder / "history.db"))) as base:
        with httpx.Client(base_url=base, trust_env=False) as client:
            until(lambda: ready(client, 1))
        yield base


def _ask(page: Page, text: str) -> None:
    page.get_by_label("Question", exact=True).fill(text)
    page.keyboard.press("Enter")


def test_asked_followed_up_rated_and_found_again(page: Page, echo: Echo, watched: Watched):
    page.goto("/")
    expect(page.locator("#origin")).to_contain_text("fake:echo")
    echo.pause, echo.goes_on = 0.05, Event()
    _ask(page, QUESTION)
    expect(page.locator(".waiting")).to_contain_text("Reading")
    echo.goes_on.set()
    expect(page.locator(".draft")).to_contain_text("The warranty of the kettle")
    answer = page.locator(".answer").first
    expect(answer).to_have_text("The warranty of the kettle lasts 2 years in edition 1 1.")
    page.get_by_role("button", name="Show source 1").click()
    link = page.locator(".card.found").get_by_role("link", name="Open at the quote")
    quote = "#:~:text=The%20warranty%20of%20the%20kettle%20lasts%202%20years%20in%20edition%201."
    expect(link).to_have_attribute("href", re.compile(f"/warranty.html{re.escape(quote)}$"))
    follow_up = "How many years does it last?"
    _ask(page, follow_up)
    expect(page.locator(".rating")).to_have_count(2)
    expect(page.locator(".searched")).to_have_text(f"Searched for: {follow_up} {QUESTION}")
    page.get_by_role("button", name="Bad answer").last.click()
    page.get_by_label("What would have been right?").last.fill("Three.")
    page.get_by_role("button", name="Send").last.click()
    expect(page.locator(".said").last).to_have_text("Thank you; that was kept.")
    page.reload()
    expect(page.locator(".question")).to_have_text([QUESTION, follow_up])
    bad = page.get_by_role("button", name="Bad answer")
    expect(bad.last).to_have_attribute("aria-pressed", "true")
    expect(bad.first).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#sessions > li")).to_have_count(1)
    assert watched.nothing(), watched
