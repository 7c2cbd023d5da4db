"""What the checks of elements, tables and chunks let through, and what they name."""

from dataclasses import replace

import pytest

from rag_pipelines.documents.checks import misplaced, unclean, uncovered, uneven, unread_pages
from rag_pipelines.records import Chunk, DocumentFile, DocumentTable, Element, Page

URL = "file:a.pdf"
FILE = DocumentFile(
    source="s", url=URL, document="d", name="a.pdf", media_type="application/pdf", size=1, pages=2
)
TABLE = DocumentTable(
    id="t", source="s", document="d", url=URL, title="", html="<table></table>", rows=[["a", "b"]]
)
PAGE = Page(source="s", url="http://x/", title="", text="words")


def element(position: int, kind: str = "NarrativeText", page: int | None = 1, **more) -> Element:
    return Element(
        id=f"e{position}",
        source="s",
        document="d",
        url=URL,
        title="",
        media_type="application/pdf",
        kind=kind,
        text="" if kind == "PageBreak" else "words",
        position=position,
        page=page,
        page_width=100,
        page_height=200,
        **more,
    )


def chunk(url: str = URL, page: int | None = None, elements: list[str] | None = None) -> Chunk:
    return Chunk(
        id="c",
        source="s",
        url=url,
        title="",
        heading="",
        text="words",
        tokens=1,
        page=page,
        elements=elements or [],
    )


READ = [element(0), element(1, "PageBreak"), element(2, page=2), element(3, "PageBreak", page=2)]


def test_a_file_whose_pages_all_end_is_read():
    assert unread_pages([FILE], READ) == []


def test_a_page_that_never_ends_is_named():
    assert unread_pages([FILE], READ[:3]) == [(URL, 2)]
    assert unread_pages([FILE], []) == [(URL, 1), (URL, 2)]


def test_a_file_without_pages_is_one_page():
    letter = replace(FILE, pages=1)
    assert unread_pages([letter], [element(0, "PageBreak", page=None)]) == []


def test_a_file_that_could_not_be_read_owes_no_page():
    assert unread_pages([replace(FILE, problem="encrypted: a password")], []) == []


def test_elements_in_order_on_their_pages_pass():
    boxed = [replace(READ[0], box=[0.0, 0.0, 100.4, 200.0]), *READ[1:]]
    child = element(4, "ListItem", page=2, parent="e2")
    assert list(misplaced([*boxed, child])) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ([READ[1], READ[0]], "position 1 where 0 is due"),
        ([replace(READ[2], position=0), replace(READ[0], position=1, id="x")], "page 1 after"),
        ([READ[0], replace(READ[1], id="e0")], "id e0 twice"),
        ([replace(READ[0], parent="e1"), READ[1]], "parent e1"),
        ([replace(READ[0], box=[0.0, 0.0, 140.0, 9.0])], "box"),
        ([replace(READ[0], box=[9.0, 0.0, 1.0, 9.0])], "box"),
        ([replace(READ[0], box=[0.0, float("nan"), 1.0, 9.0])], "box"),
        ([replace(READ[0], box=[0.0, 1.0])], "box"),
    ],
)
def test_what_is_out_of_place_is_named(wrong: list[Element], named: str):
    assert any(named in told for told in misplaced(wrong))


CLEAN = (
    "<table><caption>Sums</caption><thead><tr><th colspan='2'>A &amp; B</th></tr></thead>"
    "<tbody><tr><td rowspan='2'>1<br>2</td><td>3</td></tr></tbody></table>"
)


def test_a_table_of_allowed_tags_is_clean():
    assert unclean(CLEAN) == ""


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<p>no table</p>",
        "<table><tr><td>open</table>",
        "<table><tr></td></tr></table>",
        "<table><script>alert(1)</script></table>",
        "<table onclick='x()'></table>",
        "<table><tr><td style='position:fixed'>a</td></tr></table>",
        "<table><tr><td><a href='javascript:x()'>a</a></td></tr></table>",
        "<table><tr><td><img src=x onerror=x()></td></tr></table>",
        "<table><tr><td colspan='100000'>a</td></tr></table>",
        "<table><tr><td rowspan='0'>a</td></tr></table>",
        "<table><!-- a --></table>",
        "<!doctype html><table></table>",
    ],
)
def test_what_a_browser_might_act_on_is_not_clean(html: str):
    assert unclean(html)


def test_rows_of_one_width_are_even():
    assert not uneven(TABLE)
    assert uneven(replace(TABLE, rows=[["a", "b"], ["c"]]))
    assert uneven(replace(TABLE, rows=[]))


def test_every_page_with_text_needs_a_chunk():
    assert uncovered([chunk("http://x/")], [PAGE], [], []) == []
    assert uncovered([], [PAGE, replace(PAGE, text=" ")], [], []) == [("http://x/", None)]
    assert uncovered([], [], READ, []) == [(URL, 1), (URL, 2)]


def test_a_chunk_covers_the_pages_of_its_elements():
    assert uncovered([chunk(page=1, elements=["e0", "e2"])], [], READ, []) == []
    assert uncovered([chunk(page=1, elements=["e0"])], [], READ, []) == [(URL, 2)]


def test_a_table_over_a_page_break_covers_its_pages():
    table = replace(TABLE, page=1, pages=[1, 2])
    assert uncovered([chunk(page=1)], [], READ, [table]) == []
    assert uncovered([], [], READ, [table]) == [(URL, 1), (URL, 2)]


def test_running_headers_are_no_text_of_a_page():
    assert uncovered([], [], [element(0, "Header"), element(1, "Footer")], []) == []
