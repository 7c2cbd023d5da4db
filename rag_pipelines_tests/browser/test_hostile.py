"""Nothing that a page, a file, a model or a person wrote runs here (row B14)."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rag_pipelines_tests.browser.conftest import Watched
from rag_pipelines_tests.browser.corpus import MARKUP, OTHER, TABLES, URLS
from rag_pipelines_tests.browser.fake import Fake, cited

pytestmark = pytest.mark.browser

_COUNT = "window.ran = 0; window.pwned = () => { window.ran += 1; };"
_LEFT = """() => [...document.querySelectorAll("*")].filter((node) =>
    node.matches("body script, iframe, object, embed, svg, math, body style, body link, base")
    || node.matches("meta[http-equiv]")
    || [...node.attributes].some(({ name, value }) => name.startsWith("on") || name === "style"
        || (["href", "src", "srcset", "action", "data", "background"].includes(name)
            && !/^(\\/|#|https?:\\/\\/127\\.0\\.0\\.1[:\\/])/.test(value)))
).map((node) => node.outerHTML)"""


def _cards() -> list[dict[str, Any]]:
    """Every payload in every field of a citation."""
    urls = [cited(n, url=url, title="") for n, url in enumerate(URLS, 1)]
    said = [
        cited(n, title=text, heading=text, quote=text, chunk_id=text, kind=text, url=URLS[n % 13])
        for n, text in enumerate(MARKUP, 100)
    ]
    tables = [
        cited(n, kind="table", html=table.format(text, text), quote=text)
        for n, (table, text) in enumerate(((t, m) for t in TABLES for m in MARKUP), 200)
    ]
    figures = [
        cited(n, kind="figure", image_url=url, document=url, page=1, box=[url], heading=url)
        for n, url in enumerate((*URLS, f"{OTHER}/x.png", "//attacker.example/x.png"), 500)
    ]
    return [*urls, *said, *tables, *figures]


@pytest.fixture
def hostile(page: Page, fake: Fake) -> Page:
    fake.citations = _cards()
    fake.draft = fake.answer = "\n".join((*MARKUP, *URLS))
    fake.model, fake.release = MARKUP[7], MARKUP[0]
    page.add_init_script(_COUNT)
    page.goto("/")
    return page


def _ask(page: Page, text: str) -> None:
    page.get_by_label("Question", exact=True).fill(text)
    page.keyboard.press("Enter")


def _nothing_ran(page: Page, watched: Watched) -> None:
    for hovered in page.locator(".card .links, .table td").all()[:20]:
        hovered.dispatch_event("mouseover")
        hovered.dispatch_event("click")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    assert page.evaluate("window.ran") == 0
    assert page.evaluate(_LEFT) == []
    assert watched.nothing(), watched


def test_there_are_enough_of_them():
    assert len({*URLS, *MARKUP}) >= 40


def test_an_answer_and_its_citations_run_nothing(hostile: Page, fake: Fake, watched: Watched):
    _ask(hostile, MARKUP[0])
    expect(hostile.locator(".rating")).to_have_count(1)
    expect(hostile.locator(".card")).to_have_count(len(fake.citations))
    assert hostile.locator(".table table").count() >= len(TABLES) * len(MARKUP)
    for text in MARKUP[:5]:
        expect(hostile.locator(".answer")).to_contain_text(text)
    _nothing_ran(hostile, watched)


def test_a_draft_runs_nothing(hostile: Page, fake: Fake, watched: Watched):
    fake.stepped = True
    _ask(hostile, MARKUP[0])
    for _ in fake.draft.split(" "):
        fake.steps.release()
    expect(hostile.locator(".draft")).to_contain_text(URLS[-1])
    _nothing_ran(hostile, watched)


def test_stored_conversations_and_their_titles_run_nothing(
    hostile: Page, fake: Fake, watched: Watched
):
    message = {"role": "assistant", "content": fake.answer, "citations": _cards()}
    told = {"answer_id": MARKUP[0], "state": "complete", "rating": MARKUP[0], **fake.served()}
    fake.sessions = {
        f"session-{n}": {
            "session_id": f"session-{n}",
            "title": text,
            "messages": [{"role": "user", "content": text}, {**message, **told}],
        }
        for n, text in enumerate((*MARKUP, *URLS))
    }
    fake.sessions["bad"] = {"session_id": URLS[0], "title": URLS[0], "messages": []}
    hostile.goto("/#session-0")
    hostile.reload()
    expect(hostile.locator(".rating")).to_have_count(1)
    expect(hostile.locator("#sessions > li")).to_have_count(len(MARKUP) + len(URLS) + 1)
    for n, control in enumerate(("Rename", "Delete…")):
        row = hostile.locator("#sessions > li").nth(n)
        row.locator("summary").click()
        row.get_by_role("button", name=control).click()
        _nothing_ran(hostile, watched)


@pytest.mark.parametrize("text", [MARKUP[0], MARKUP[7], URLS[0]])
def test_an_error_runs_nothing(hostile: Page, fake: Fake, watched: Watched, text: str):
    fake.fails = text
    _ask(hostile, text)
    expect(hostile.get_by_role("alert").first).to_contain_text(text)
    _nothing_ran(hostile, watched)


def test_a_hash_that_is_no_session_opens_nothing(hostile: Page, watched: Watched):
    for text in (*URLS, *MARKUP[:5], "../release", "%2e%2e"):
        hostile.goto("about:blank")
        hostile.goto(f"/#{text}")
        expect(hostile.locator("#origin")).to_contain_text("Answers come from")
        expect(hostile.locator(".turn")).to_have_count(0)
    _nothing_ran(hostile, watched)


def test_the_policy_forbids_what_the_page_does_not_need(hostile: Page, watched: Watched):
    policy = hostile.request.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    written = "try { document.body.innerHTML = '<b>x</b>' } catch (error) { error.name }"
    assert hostile.evaluate(written) == "TypeError"
    expect(hostile.locator("#ask")).to_have_count(1)
    assert watched.violations
