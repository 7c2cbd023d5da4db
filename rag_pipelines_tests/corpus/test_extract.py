"""What a page's main text keeps: headings, code, lists, tables; and what it leaves out."""

from pathlib import Path

import pytest

from rag_pipelines.corpus.extract import Extracted, extract

MANUAL = Path("/usr/share/doc/postgresql-doc-15/html")
PROSE = "The warranty of every lamp lasts three years from the day on which it was delivered. " * 4


def page(body: str, head: str = "<title>Lamps</title>") -> bytes:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode()


def text_of(body: str) -> str:
    return extract(page(f"<main><p>{PROSE}</p>{body}<p>{PROSE}</p></main>"), "http://h/x").text


def test_headings_keep_their_levels() -> None:
    text = text_of(f"<h2>Two</h2><p>{PROSE}</p><h3>Three <a>#</a></h3><p>{PROSE}</p>")
    assert "\n## Two\n" in text
    assert "\n### Three\n" in text


def test_headings_in_wrapped_title_blocks_are_kept() -> None:
    wrapped = '<div class="titlepage"><div><div><h2 class="title">8.1. Types</h2></div></div></div>'
    assert "## 8.1. Types\n\nThe warranty" in extract(page(f"{wrapped}<p>{PROSE}</p>")).text


def test_a_heading_over_a_note_does_not_open_a_section() -> None:
    text = text_of('<div class="note"><h3>Note</h3><p>Mind the bulb.</p></div>')
    assert "Note\n\nMind the bulb." in text
    assert "# Note" not in text


def test_code_is_verbatim_between_fences() -> None:
    code = "def f(x):\n    if x &lt; 1:\n\n        <em>return</em> x  |  2"
    text = text_of(f'<pre><code class="language-python">{code}</code></pre>')
    expected = "def f(x):\n    if x < 1:\n\n        return x  |  2"
    assert f"```python\n{expected}\n```" in text


def test_code_that_holds_fences_gets_a_longer_one() -> None:
    assert "````\n```\nx\n```\n````" in text_of("<pre>```\nx\n```</pre>")


def test_lists_keep_their_nesting_and_numbers() -> None:
    text = text_of("<ol start=3><li>three<ul><li>a</li><li>b</li></ul></li><li>four</li></ol>")
    assert "3. three\n  - a\n  - b\n4. four" in text


def test_terms_stand_by_their_definitions() -> None:
    text = text_of("<dl><dt><code>wal_level</code> (enum)</dt><dd><p>How much.</p></dd></dl>")
    assert "wal_level (enum)\n: How much." in text


def test_tables_keep_their_rows_and_spans() -> None:
    text = text_of(
        "<table><tr><th>Lamp</th><th>Years</th><th>Note</th></tr>"
        "<tr><td rowspan=2>A</td><td>3</td><td><p>one</p><p>two</p></td></tr>"
        "<tr><td>4</td><td>x|y</td></tr><tr><td colspan=2>B</td><td>z</td></tr></table>"
    )
    assert (
        "| Lamp | Years | Note |\n|---|---|---|\n"
        "| A | 3 | one two |\n| A | 4 | x\\|y |\n| B |  | z |"
    ) in text


def test_a_table_that_lays_out_the_page_is_not_drawn() -> None:
    layout = (
        f"<table><tr><td><h2>Left</h2><p>{PROSE}</p></td><td><pre>x = 1</pre></td></tr></table>"
    )
    text = extract(page(layout)).text
    assert "## Left" in text
    assert "```\nx = 1\n```" in text
    assert "| " not in text


def test_navigation_and_footers_are_left_out() -> None:
    text = extract(
        page(
            "<nav><a href=/>Home</a></nav><header><a href=/>Shop of lamps</a></header>"
            f"<article><h1>Lamps</h1><p>{PROSE}</p></article>"
            "<aside><p>Related lamps</p></aside><footer><p>All rights reserved.</p></footer>"
        )
    ).text
    assert text.startswith("# Lamps\n\nThe warranty")
    for furniture in ("Home", "Shop", "Related", "rights"):
        assert furniture not in text


def test_a_page_of_links_alone_still_has_text() -> None:
    links = "".join(f"<li><a href=/{n}>Chapter {n}</a></li>" for n in range(9))
    text = extract(page(f'<div class="toc"><p>Contents</p><ul>{links}</ul></div>')).text
    assert "- Chapter 1\n- Chapter 2" in text


def test_a_short_page_keeps_its_sentence() -> None:
    assert "Gone fishing." in extract(page("<div>Gone fishing.</div>")).text


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("<title>Lamps &amp; more</title>", "<p>x</p>", "Lamps & more"),
        ("<title>Lamps | The Shop</title>", "<h1>Lamps</h1>", "Lamps"),
        ("", "<h1>Only\n heading</h1>", "Only heading"),
        ("<title> </title>", "<p>x</p>", "all lamps"),
    ],
)
def test_title(head: str, body: str, title: str) -> None:
    assert extract(page(body, head), "http://h/a/all-lamps.html").title == title


def test_language_is_declared_or_read() -> None:
    declared = b'<html lang="de-AT"><body><p>Hallo</p></body></html>'
    german = "Die Gewaehrleistung betraegt drei Jahre ab dem Tag der Lieferung an den Kunden. " * 3
    assert extract(declared).language == "de"
    assert extract(page(f"<p>{PROSE}</p>")).language == "en"
    assert extract(page(f"<p>{german}</p>")).language == "de"
    assert extract(page("<p>?</p>")).language == ""


@pytest.mark.parametrize(
    "declared",
    [
        '<meta property="article:published_time" content="2024-05-06T07:08:09Z">',
        '<script type="application/ld+json">{"datePublished": "2024-05-06"}</script>',
        '<meta name="DC.date" content="2024-05-06">',
    ],
)
def test_publication_date_is_read_from_declarations(declared: str) -> None:
    assert extract(page(f"<p>{PROSE}</p>", declared)).published == "2024-05-06"


def test_a_date_that_is_none_is_not_taken() -> None:
    assert extract(page("", '<meta name="date" content="2024-13-45">')).published == ""


@pytest.mark.manual
@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (
            "sql-createtable",
            ["## Description", "[ ON COMMIT { PRESERVE ROWS | DELETE ROWS | DROP } ]"],
        ),
        (
            "runtime-config-wal",
            ["### 20.5.1. Settings", "fsync (boolean)\n: If this parameter is on"],
        ),
        ("datatype-numeric", ["| bigint | 8 bytes |", "```\nNUMERIC(precision, scale)\n```"]),
        ("index", ["PostgreSQL 15", "8. Data Types"]),
    ],
)
def test_pages_of_the_manual(name: str, kept: list[str]) -> None:
    extracted = extract((MANUAL / f"{name}.html").read_bytes(), f"http://h/{name}.html")
    for passage in kept:
        assert passage in extracted.text
    assert "Prev" not in extracted.text[:200]


@pytest.mark.manual
def test_nothing_that_trafilatura_finds_is_lost() -> None:
    from trafilatura import extract as reference

    found = lost = 0
    for path in sorted(MANUAL.glob("*.html"))[::60]:
        body = path.read_bytes()
        ours = set(extract(body).text.replace("|", " ").split())
        theirs = [
            word for word in (reference(body) or "").replace("|", " ").split() if word.isalpha()
        ]
        found += len(theirs)
        lost += sum(word not in ours for word in theirs)
    assert found > 5_000
    assert lost < 0.02 * found


def test_an_empty_body_is_named_by_its_address() -> None:
    assert extract(b"", "http://h/all-lamps.html") == Extracted(title="all lamps", text="")
