"""One page has one URL, and a glob means what its writer thinks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_pipelines.corpus.urls import Scope, canonical, glob_pattern

BASE = "http://site.example/docs/page.html?x=1"


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("", BASE),
        ("#part", BASE),
        ("other.html#part", "http://site.example/docs/other.html"),
        ("?y=2", "http://site.example/docs/page.html?y=2"),
        ("../up/./here", "http://site.example/up/here"),
        ("/a/..", "http://site.example/"),
        ("/../../a", "http://site.example/a"),
        ("//other.example", "http://other.example/"),
        ("HTTP://Site.Example.:80/A", "http://site.example/A"),
        ("https://site.example:443/", "https://site.example/"),
        ("http://site.example:8080/", "http://site.example:8080/"),
        ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]/"),
        ("http://bücher.example/ä b", "http://xn--bcher-kva.example/%C3%A4%20b"),
        ("/%7euser/%2f%c3%a4", "http://site.example/~user/%2F%C3%A4"),
        ("/a?utm_source=x&q=1&fbclid=2", "http://site.example/a?q=1"),
        ("/a?PHPSESSID=1", "http://site.example/a"),
        ("/a;jsessionid=12?q", "http://site.example/a?q"),
        ("/(S(abc123))/a", "http://site.example/a"),
        ("/a?", "http://site.example/a"),
        (" \n/a\tb ", "http://site.example/ab"),
        ("mailto:me@site.example", None),
        ("javascript:void(0)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("http://[::1", None),
        ("http://site.example:x/", None),
    ],
)
def test_a_link_has_one_spelling(href: str, url: str | None):
    assert canonical(href, BASE) == url


@given(
    st.text(max_size=60), st.sampled_from(["", "http://", "/", "?", "//h/", "https://h.example/"])
)
def test_a_canonical_url_stays_as_it_is(text: str, before: str):
    url = canonical(before + text, BASE)
    if url is not None:
        assert canonical(url, BASE) == url == canonical(url)
        assert url.isascii()
        assert "#" not in url


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("/docs/**", "/docs", True),
        ("/docs/**", "/docs/a/b", True),
        ("/docs/**", "/docsa", False),
        ("/docs/*", "/docs/a", True),
        ("/docs/*", "/docs/a/b", False),
        ("**/archive/**", "/archive/x", True),
        ("**/archive/**", "/a/b/archive/", True),
        ("**/archive/**", "/a/archived/x", False),
        ("**.html", "/a/b.html", True),
        ("/a?c", "/abc", True),
        ("/a?c", "/a/c", False),
        ("/a.b", "/axb", False),
        ("/[a]", "/a", False),
    ],
)
def test_a_glob_matches_the_path(glob: str, path: str, matches: bool):
    assert bool(glob_pattern(glob).fullmatch(path)) is matches


def test_a_crawl_stays_on_its_hosts():
    scope = Scope.of(["http://site.example/", "http://127.0.0.1:8000/"])
    for url in ("https://www.site.example/a", "http://127.0.0.1:8000/b"):
        assert not scope.offsite(url)
    for url in ("http://sub.site.example/", "http://127.0.0.1/", "http://u@site.example/"):
        assert scope.offsite(url)
