"""What a person does on the page, in a browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from rag_pipelines_tests.browser.conftest import Watched
from rag_pipelines_tests.browser.fake import KEY, Fake, cited

pytestmark = pytest.mark.browser


def _ask(page: Page, text: str = "How long is the warranty?") -> None:
    page.get_by_label("Question", exact=True).fill(text)
    page.keyboard.press("Enter")


def _answered(page: Page, answers: int = 1) -> None:
    expect(page.locator(".rating")).to_have_count(answers)


@pytest.fixture
def opened(page: Page) -> Page:
    page.goto("/")
    expect(page.locator("#origin")).to_contain_text("fake:echo")
    return page


@pytest.fixture
def asked(opened: Page) -> Page:
    _ask(opened)
    _answered(opened)
    return opened


def test_an_answer_grows_as_a_draft_until_the_checked_one_replaces_it(opened: Page, fake: Fake):
    fake.stepped, fake.answer = True, "The warranty lasts three years. [1]"
    _ask(opened)
    expect(opened.locator(".waiting")).to_have_text("Reading 8 passages…")
    draft = opened.locator(".draft")
    for words in ("The", "The warranty", "The warranty lasts"):
        fake.steps.release()
        expect(draft).to_have_text(words)
    fake.stepped = False
    _answered(opened)
    expect(draft).to_have_count(0)
    expect(opened.locator(".answer")).to_have_text("The warranty lasts three years. 1")


def test_a_mark_leads_to_its_card_and_the_card_to_the_quote(asked: Page, watched: Watched):
    asked.get_by_role("button", name="Show source 2").click()
    card = asked.locator(".card.found")
    expect(card).to_be_focused()
    expect(card.get_by_role("heading")).to_have_text("Source 2: Handbook 2")
    link = card.get_by_role("link", name="Open at the quote")
    assert link.get_attribute("href") == (
        "http://127.0.0.1:9/handbook/2.html"
        "#:~:text=The%20warranty%20of%20the%20kettle%20%2D%20lasts%2C%20three%20years."
    )
    assert link.get_attribute("target") == "_blank"
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert watched.nothing(), watched


def test_a_document_opens_at_its_box_and_as_a_file(opened: Page, fake: Fake):
    digest = "d" * 64
    fake.citations = [cited(1, kind="document", document=digest, page=3, box=[1, 2, 3.26, 4])]
    _ask(opened)
    page = opened.get_by_role("link", name="Show page 3")
    assert page.get_attribute("href") == (
        f"/api/documents/{digest}/pages/3.png?box=1.0,2.0,3.3,4.0"
    )
    original = opened.get_by_role("link", name="Download the original")
    assert original.get_attribute("href") == f"/api/documents/{digest}"
    expect(opened.locator(".place")).to_have_text("Warranty · page 3")


def test_a_table_keeps_its_cells_and_spans(opened: Page, fake: Fake):
    row = "<tr><th colspan=2 style='x'>Years &amp; days</th></tr>"
    html = f"<table>{row}<tr><td rowspan='2'><b>3</b></td><td>11</td></tr></table>"
    fake.citations = [cited(1, kind="table", html=html)]
    _ask(opened)
    expect(opened.locator(".table th[colspan='2']")).to_have_text("Years & days")
    expect(opened.locator(".table td")).to_have_text(["3", "11"])
    expect(opened.locator(".table td[rowspan='2']")).to_have_text("3")


def test_a_follow_up_goes_to_the_same_session(asked: Page, fake: Fake):
    _ask(asked, "And to islands?")
    _answered(asked, 2)
    assert [body.get("session_id") for body in fake.asked] == [None, "session-1"]


def test_an_answer_is_rated_with_a_correction(asked: Page, fake: Fake):
    asked.get_by_role("button", name="Bad answer").click()
    asked.get_by_label("What would have been right?").fill("Four years.")
    asked.get_by_role("button", name="Send").click()
    expect(asked.locator(".said")).to_have_text("Thank you; that was kept.")
    rated = {"answer_id": "answer-1", "rating": "down"}
    assert fake.feedback == [rated, {**rated, "correction": "Four years."}]
    expect(asked.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")


def test_a_session_is_found_after_a_reload_renamed_and_deleted(asked: Page, fake: Fake):
    asked.reload()
    _answered(asked)
    expect(asked.locator(".question")).to_have_text("How long is the warranty?")
    row = asked.locator("#sessions > li")
    row.locator("summary").click()
    row.get_by_role("button", name="Rename").click()
    row.get_by_label("New title").fill("Kettle")
    asked.keyboard.press("Enter")
    expect(row.get_by_role("link", name="Kettle")).to_be_visible()
    row.locator("summary").click()
    row.get_by_role("button", name="Delete…").click()
    assert fake.sessions
    row.get_by_role("button", name="Delete", exact=True).click()
    expect(row).to_have_count(0)
    expect(asked.locator(".turn")).to_have_count(0)
    assert not fake.sessions


def test_an_answer_is_stopped_by_the_button_and_by_escape(opened: Page, fake: Fake):
    fake.stepped = True
    for stop in (
        lambda: opened.get_by_role("button", name="Stop").click(),
        lambda: opened.keyboard.press("Escape"),
    ):
        fake.left.clear()
        _ask(opened)
        fake.steps.release()
        expect(opened.locator(".draft").last).to_have_text("The")
        stop()
        assert fake.left.wait(10)
        expect(opened.locator(".note").last).to_have_text("Stopped before the answer was complete.")
        expect(opened.locator("#send")).to_have_text("Ask")


def test_a_key_lets_in_and_logging_out_shuts(page: Page, fake: Fake):
    fake.keys = True
    page.goto("/")
    for key in ("wrong", KEY):
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Log in").click()
        if key != KEY:
            expect(page.locator("#login-error")).to_have_text("That is no key of this service.")
    expect(page.locator("#user")).to_have_text("ada")
    _ask(page)
    _answered(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Key")).to_be_visible()
    expect(page.locator("#turns")).to_be_hidden()


def test_who_is_shut_out_by_a_revoked_key_is_told_so_at_once_and_on_coming_back(
    page: Page, fake: Fake
):
    fake.keys = True
    page.goto("/")
    expect(page.get_by_label("Key")).to_have_accessible_description(re.compile("from rag_ on"))
    expect(page.locator("#login-error")).to_be_empty()
    page.get_by_label("Key").fill(KEY)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#user")).to_have_text("ada")
    fake.key = "rag_another"
    page.get_by_label("Question", exact=True).fill("How long is the warranty?")
    page.keyboard.press("Enter")
    for _ in range(2):
        expect(page.locator("#login-error")).to_contain_text("it was revoked")
        expect(page.locator("#turns")).to_be_hidden()
        page.reload()
    page.get_by_label("Key").fill(fake.key)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#user")).to_have_text("ada")


def test_a_change_of_release_is_told_once_and_quietly(asked: Page, fake: Fake):
    expect(asked.locator("#banner")).to_be_empty()
    fake.release, fake.generation = "v000002-bbbbbbbbbbbb", 2
    _ask(asked)
    expect(asked.locator("#banner")).to_contain_text("the sources (now v000002-bbbbbbbbbbbb)")
    asked.get_by_role("button", name="Dismiss").click()
    expect(asked.locator("#banner")).to_be_empty()
    expect(asked.locator("#origin")).to_contain_text("v000002-bbbbbbbbbbbb")


def test_a_change_is_told_to_a_page_that_only_stands_open(page: Page, fake: Fake):
    page.clock.install()
    page.goto("/")
    expect(page.locator("#origin")).to_contain_text("fake:echo")
    fake.model = "fake:other"
    page.clock.fast_forward(31_000)
    expect(page.locator("#banner")).to_contain_text("the model (now fake:other)")


def test_a_failure_is_told_and_tried_again(opened: Page, fake: Fake):
    fake.fails = "The model did not answer."
    _ask(opened)
    expect(opened.get_by_role("alert").first).to_contain_text("The model did not answer.")
    fake.fails = None
    opened.get_by_role("button", name="Try again").click()
    _answered(opened)
    expect(opened.locator(".turn")).to_have_count(1)


def test_an_abstention_looks_different(opened: Page, fake: Fake):
    fake.abstained, fake.answer, fake.citations = True, "The sources do not say.", []
    _ask(opened)
    expect(opened.locator(".abstained")).to_have_text("The sources do not say.")


def test_everything_is_reached_by_keyboard(opened: Page, fake: Fake):
    expect(opened.get_by_label("Question", exact=True)).to_be_focused()
    opened.keyboard.type("one")
    opened.keyboard.press("Shift+Enter")
    opened.keyboard.type("two")
    opened.keyboard.press("Enter")
    _answered(opened)
    assert fake.asked[0]["question"] == "one\ntwo"
    opened.reload()
    _answered(opened)
    opened.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(14):
        opened.keyboard.press("Tab")
        reached.append(
            opened.evaluate(
                "document.activeElement.ariaLabel || document.activeElement.innerText.trim()"
            )
        )
    wanted = ["Skip to the question", "New chat", "Show source 1", "Good answer"]
    assert [name for name in reached if name in wanted] == wanted, reached


def test_a_narrow_page_does_not_scroll_sideways(asked: Page):
    asked.set_viewport_size({"width": 360, "height": 640})
    assert asked.evaluate("document.documentElement.scrollWidth") == 360
    asked.get_by_role("button", name="Chats").click()
    expect(asked.get_by_role("button", name="New chat")).to_be_visible()


def test_a_list_is_a_list_and_markup_stays_text(opened: Page, fake: Fake):
    fake.answer, fake.citations = "Two:\n- **one** [7]\n- <b>two</b>\n\nEnd.", []
    _ask(opened)
    _answered(opened)
    expect(opened.locator(".answer li")).to_have_text(["**one** [7]", "<b>two</b>"])
    expect(opened.locator(".answer p")).to_have_text(["Two:", "End."])


def test_code_keeps_its_lines_and_holds_no_marks(opened: Page, fake: Fake):
    code = "for x in y:\n    print(x[1])\n\n- done"
    fake.answer = f"Run [1]:\n\n```python\n{code}\n```\n[2]\n\nThen stop."
    _ask(opened)
    _answered(opened)
    expect(opened.locator(".answer > pre")).to_have_count(1)
    assert opened.locator(".answer > pre").inner_text() == code
    expect(opened.locator(".answer p")).to_have_text(["Run 1:", "2", "Then stop."])
    opened.set_viewport_size({"width": 360, "height": 640})
    assert opened.evaluate("document.documentElement.scrollWidth") == 360


def test_the_page_is_asked_for_anew_and_sent_only_where_it_changed(page: Page):
    first = page.request.get("/ask.js")
    assert first.headers["cache-control"] == "no-cache"
    again = page.request.get("/ask.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body()) == (304, b"")
