"""Row B5: RFC 9309 by a table of verdicts, and robots.txt as a crawl meets it."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from rag_pipelines.corpus.robots import MAX_CRAWL_DELAY, parse_robots, read_robots
from rag_pipelines_tests.corpus.crawling import crawl, page_paths, row, verdict
from rag_pipelines_tests.corpus.site import Answer, Site, page, serving

LONG = b"# filler\n" * 60_000  # 540 kB
VERDICTS = [
    # file, path, allowed
    (b"", "/a", True),
    (b"User-agent: *\nDisallow:", "/a", True),
    (b"User-agent: *\nDisallow: /", "/a", False),
    (b"User-agent: *\nDisallow: /", "/robots.txt", True),
    (b"User-agent: *\nDisallow: /a", "/abc", False),
    (b"User-agent: *\nDisallow: /a/", "/a", True),
    (b"User-agent: *\nDisallow: /A", "/a", True),
    (b"USER-AGENT: *\nDISALLOW: /a", "/a", False),
    (b"user-agent : *\n disallow : /a # why\n", "/a", False),
    (b"Disallow: /\n", "/a", True),  # no group
    # the longest match decides, and allow where both are as long
    (b"User-agent: *\nDisallow: /\nAllow: /a", "/a/b", True),
    (b"User-agent: *\nAllow: /a\nDisallow: /a/b", "/a/b", False),
    (b"User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
    (b"User-agent: *\nAllow: /index.html\nDisallow: /", "/", False),
    (b"User-agent: *\nAllow: /index.html\nDisallow: /", "/index.html", True),
    # wildcards
    (b"User-agent: *\nDisallow: /*.gif$", "/x/y.gif", False),
    (b"User-agent: *\nDisallow: /*.gif$", "/x/y.gif?z", True),
    (b"User-agent: *\nDisallow: *.gif", "/x.gif?z", False),
    (b"User-agent: *\nDisallow: /a*b*c", "/a-b-c", False),
    (b"User-agent: *\nDisallow: /a*b*c", "/a-c-b", True),
    (b"User-agent: *\nDisallow: /a$", "/a", False),
    (b"User-agent: *\nDisallow: /a$", "/ab", True),
    (b"User-agent: *\nDisallow: /*?q=", "/s?q=1", False),
    # escapes compare decoded, a literal star and dollar are escaped
    (b"User-agent: *\nDisallow: /%61", "/a", False),
    (b"User-agent: *\nDisallow: /\xc3\xa4", "/%C3%A4", False),
    (b"User-agent: *\nDisallow: /a%2Fb", "/a/b", True),
    (b"User-agent: *\nDisallow: /%2A", "/*", False),
    (b"User-agent: *\nDisallow: /%2A", "/a", True),
    # groups
    (b"User-agent: rag_pipelines\nDisallow: /a\n\nUser-agent: *\nDisallow: /b", "/b", True),
    (b"User-agent: *\nDisallow: /b\n\nUser-agent: RAG_Pipelines/9\nDisallow: /a", "/a", False),
    (b"User-agent: rag\nDisallow: /", "/a", True),
    (b"User-agent: rag_pipelines_two\nDisallow: /", "/a", True),
    (b"User-agent: x\nUser-agent: rag_pipelines\nDisallow: /a", "/a", False),
    (
        b"User-agent: rag_pipelines\nDisallow: /a\nUser-agent: rag_pipelines\nDisallow: /b",
        "/b",
        False,
    ),
    (
        b"User-agent: rag_pipelines\nDisallow: /a\nUser-agent: rag_pipelines\nDisallow: /b",
        "/a",
        False,
    ),
    (b"User-agent: rag_pipelines\nCrawl-delay: 1\nUser-agent: x\nDisallow: /a", "/a", False),
    (b"User-agent: rag_pipelines\nSitemap: /s\nUser-agent: x\nDisallow: /a", "/a", False),
    (b"User-agent: rag_pipelines\nDisallow:\nUser-agent: *\nDisallow: /", "/a", True),
    # bytes
    (b"\xef\xbb\xbfUser-agent: *\nDisallow: /a", "/a", False),
    (b"User-agent: *\rDisallow: /a\r", "/a", False),
    (b"User-agent: *\r\nDisallow: /a\r\n", "/a", False),
    (b"User-agent: *\nDisallow: /a\xff\n<html>\nDisallow: /b", "/b", False),
    (b"<!doctype html><title>Not found</title>", "/a", True),
    (b"User-agent: *\n" + LONG[:500_000] + b"\nDisallow: /a\n", "/a", False),
    (b"User-agent: *\n" + LONG + b"\nDisallow: /a\n", "/a", True),
]


@pytest.mark.parametrize(("body", "path", "allowed"), VERDICTS)
def test_the_verdict_on_a_path(body: bytes, path: str, allowed: bool):
    assert parse_robots(body).allows(f"http://site.example{path}") is allowed


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        (200, False),
        (301, False),
        (400, True),
        (401, True),
        (403, True),
        (404, True),
        (410, True),
        (429, True),
        (500, False),
        (503, False),
    ],
)
def test_the_verdict_on_a_status(status: int, allowed: bool):
    robots = read_robots(status, b"User-agent: *\nDisallow: /")
    assert robots.allows("http://site.example/a") is allowed


@pytest.mark.parametrize(
    ("line", "delay"),
    [("2.5", 2.5), ("0", 0), ("900", MAX_CRAWL_DELAY), ("-1", 0), ("inf", 0), ("nan", 0), ("x", 0)],
)
def test_the_crawl_delay_is_capped_and_read_with_care(line: str, delay: float):
    assert parse_robots(f"User-agent: *\nCrawl-delay: {line}".encode()).crawl_delay == delay


def test_sitemaps_belong_to_no_group():
    body = b"Sitemap: http://a.example/1.xml\nUser-agent: x\nDisallow: /\nsitemap:/2.xml # two"
    assert parse_robots(body).sitemaps == ("http://a.example/1.xml", "/2.xml")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.pages["/"] = page("front", "/a", "/b")
        site.pages["/a"], site.pages["/b"] = page("a"), page("b")
        yield site


def robots(text: str, **fields: int) -> Answer:
    return Answer(text, content_type="text/plain", **fields)


def test_disallowed_pages_are_not_asked_for(site: Site, tmp_path: Path):
    site.pages["/robots.txt"] = robots("User-agent: *\nDisallow: /a")
    scrape = crawl(site, tmp_path)
    assert verdict(scrape, site.url("/a")) == ("refused", "robots")
    assert sorted(site.paths) == ["/", "/b"]


def test_a_failing_robots_txt_closes_the_site(site: Site, tmp_path: Path):
    site.pages["/robots.txt"] = robots("down", status=500)
    scrape = crawl(site, tmp_path)
    assert site.paths == []
    assert row(scrape, site.url("/")).detail == "robots.txt answered 500"


@pytest.mark.parametrize(("hops", "found"), [(5, ["/", "/b"]), (6, ["/", "/a", "/b"])])
def test_five_redirects_to_robots_txt_are_followed(
    site: Site, tmp_path: Path, hops: int, found: list[str]
):
    site.pages["/robots.txt"] = Answer(status=301, headers={"Location": "/r1"})
    for hop in range(1, hops):
        site.pages[f"/r{hop}"] = Answer(status=302, headers={"Location": f"/r{hop + 1}"})
    site.pages[f"/r{hops}"] = robots("User-agent: *\nDisallow: /a")
    assert page_paths(site, crawl(site, tmp_path)) == found


def test_the_crawl_delay_is_kept_at_the_server(site: Site, tmp_path: Path):
    site.pages["/robots.txt"] = robots("User-agent: *\nCrawl-delay: 0.3")
    crawl(site, tmp_path, sitemaps=False)
    times = [asked.at for asked in site.asked][1:]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == 2
    assert min(gaps) > 0.27
