"""Row F14: a server that misbehaves costs its URL, never the crawl, and is treated politely."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from rag_pipelines.corpus.crawl_pacing import retry_after
from rag_pipelines_tests.corpus.crawling import crawl, page_paths, row, verdict
from rag_pipelines_tests.corpus.site import Answer, Site, page, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def gaps(site: Site) -> list[float]:
    times = [asked.at for asked in site.asked]
    return [later - earlier for earlier, later in pairwise(times)]


def test_each_fault_is_recorded_and_the_crawl_completes(site: Site, tmp_path: Path):
    faults = ("/503", "/reset", "/slow", "/loop", "/half", "/403", "/404", "/nowhere", "/chain0")
    site.pages["/"] = page("front", *faults, "/charset", "/good")
    site.pages["/503"] = Answer("busy", status=503)
    site.pages["/reset"] = Answer(reset=True)
    site.pages["/slow"] = Answer(page("slow"), slow=3)
    site.pages["/loop"] = Answer(status=302, headers={"Location": "/loop2"})
    site.pages["/loop2"] = Answer(status=302, headers={"Location": "/loop"})
    site.pages["/half"] = Answer(page("half"), cut=60)
    site.pages["/403"] = Answer("no", status=403)
    site.pages["/nowhere"] = Answer(status=302, headers={"Location": "file:///etc/passwd"})
    for hop in range(8):
        site.pages[f"/chain{hop}"] = Answer(status=301, headers={"Location": f"/chain{hop + 1}"})
    site.pages["/charset"] = Answer(
        page("charset", text="Käse und Brötchen".encode().decode("latin-1")).encode("latin-1"),
        content_type="text/html; charset=utf-16",
    )
    site.pages["/good"] = page("good", "/404", "/deeper")
    site.pages["/deeper"] = page("deeper")
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/charset", "/deeper", "/good"]
    assert "Käse" in next(p.text for p in scrape.pages if p.title == "charset")
    verdicts = {path: verdict(scrape, site.url(path)) for path in faults}
    assert verdicts == {
        "/503": ("failed", "status"),
        "/reset": ("failed", "unreachable"),
        "/slow": ("failed", "unreachable"),
        "/loop": ("failed", "redirects"),
        "/half": ("failed", "unreachable"),
        "/403": ("failed", "status"),
        "/404": ("gone", "status"),
        "/nowhere": ("failed", "redirects"),
        "/chain0": ("refused", "redirect"),
    }
    assert verdict(scrape, site.url("/chain5")) == ("failed", "redirects")
    assert "/chain6" not in site.paths


def test_a_busy_server_is_asked_again_when_it_says_so(site: Site, tmp_path: Path):
    answers = iter([Answer("busy", status=429, headers={"Retry-After": "1"}), Answer(page("a"))])
    site.pages["/"] = page("front", "/a")
    site.pages["/a"] = lambda path: next(answers)
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/a"]
    first, second = (asked.at for asked in site.asked if asked.path == "/a")
    assert second - first >= 1


def test_retries_are_bounded_and_a_long_wait_is_not_waited_for(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/short", "/long")
    site.pages["/short"] = Answer("busy", status=503, headers={"Retry-After": "0"})
    site.pages["/long"] = Answer("busy", status=429, headers={"Retry-After": "86400"})
    scrape = crawl(site, tmp_path)
    assert row(scrape, site.url("/long")).status == 429
    assert site.paths.count("/short") == 3
    assert site.paths.count("/long") == 1


def test_the_delay_is_kept_between_all_requests(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/a", "/b", "/c", "/d", "/missing")
    for path in ("/a", "/b", "/c", "/d"):
        site.pages[path] = Answer(page(path), slow=0.3)  # longer than the delay: requests overlap
    crawl(site, tmp_path, delay=0.2)
    assert len(gaps(site)) == 7
    assert min(gaps(site)) > 0.18


def test_no_more_requests_at_a_time_than_configured(site: Site, tmp_path: Path):
    paths = [f"/{n}" for n in range(12)]
    site.pages["/"] = page("front", *paths)
    for path in paths:
        site.pages[path] = Answer(page(path), slow=0.2)
    crawl(site, tmp_path, concurrency=3)
    starts = [asked.at for asked in site.asked if asked.path in paths]
    for start in starts:
        assert sum(start <= other < start + 0.18 for other in starts) <= 3


def test_a_host_that_died_is_not_asked_for_every_page(site: Site, tmp_path: Path):
    paths = [f"/{n}" for n in range(60)]
    site.pages["/"] = page("front", *paths)
    for path in paths:
        site.pages[path] = Answer(reset=True)
    scrape = crawl(site, tmp_path, concurrency=2)
    assert scrape.counts.failed == 60
    assert len(site.paths) < 30


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("soon", None),
        ("", None),
        ("-3", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None):
    assert retry_after(value) == seconds
