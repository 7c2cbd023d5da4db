"""The second crawl of a site: what it asks for, reads, keeps and lets go."""

import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines_tests.corpus.crawling import crawl, page_paths, row, verdict
from rag_pipelines_tests.corpus.site import Answer, Site, page, serving

OLD = time.time() - 86_400


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def lists(site: Site, count: int = 60) -> None:
    """A front page, lists of ten, and `count` pages that they link to."""
    tens = [f"/list{n}" for n in range(count // 10)]
    site.pages["/"] = page("front", *tens)
    for n, path in enumerate(tens):
        site.pages[path] = page(path, *(f"/p{10 * n + m}" for m in range(10)))
    for n in range(count):
        site.pages[f"/p{n}"] = page(f"page {n}", "/")


def test_a_rerun_without_change_reads_nothing(site: Site, tmp_path: Path):
    lists(site)
    first = crawl(site, tmp_path)
    second = crawl(site, tmp_path, first)
    assert (second.counts.parsed, second.counts.new, second.counts.changed) == (0, 0, 0)
    assert second.counts.unchanged == first.counts.pages == 67
    assert second.pages == first.pages
    assert {e.outcome for e in second.ledger} == {"not_modified"}
    assert [e.content_hash for e in second.ledger] == [e.content_hash for e in first.ledger]


def test_only_what_changed_is_read(site: Site, tmp_path: Path):
    lists(site)
    first = crawl(site, tmp_path)
    for n in range(10):
        site.pages[f"/p{n}"] = page(f"page {n} in new words", "/")
    for n in range(50, 55):
        del site.pages[f"/p{n}"]
    for n in range(3):
        site.pages[f"/p{n}"] = page(f"page {n} in new words", "/", f"/new{n}")
        site.pages[f"/new{n}"] = page(f"new {n}")
    second = crawl(site, tmp_path, first)
    counts = second.counts
    assert counts.parsed <= 13
    assert (counts.new, counts.changed, counts.removed, counts.unchanged) == (3, 10, 5, 52)
    assert verdict(second, site.url("/p50")) == ("gone", "status")
    fresh = crawl(site, tmp_path / "fresh")
    assert fresh.pages == second.pages


def test_an_etag_is_sent_back(site: Site, tmp_path: Path):
    site.pages["/"] = Answer(page("front", "/a"), headers={"ETag": '"one"'})
    site.pages["/a"] = page("a")
    first = crawl(site, tmp_path)
    site.pages["/"] = Answer(status=304)
    second = crawl(site, tmp_path, first)
    assert site.asked[-2].headers["If-None-Match"] == '"one"'
    assert page_paths(site, second) == ["/", "/a"]  # its links are known without its body
    assert row(second, site.url("/")).etag == '"one"'


@pytest.mark.parametrize(("age", "asked"), [(3_600, True), (5, False)])
def test_last_modified_is_trusted_only_a_minute_later(
    site: Site, tmp_path: Path, age: int, asked: bool
):
    site.modified = time.time() - age
    site.pages["/"] = page("front")
    crawl(site, tmp_path, crawl(site, tmp_path))
    assert ("If-Modified-Since" in site.asked[-1].headers) is asked


def test_a_server_that_lies_about_last_modified_is_found_out(site: Site, tmp_path: Path):
    """It says that all is new, each time: the content decides."""
    lists(site, 10)
    first = crawl(site, tmp_path)
    site.modified = time.time()
    for path, script in list(site.pages.items()):
        site.pages[path] = f"{script}<!-- made at {time.time()} -->"
    second = crawl(site, tmp_path, first)
    assert second.counts.unchanged == second.counts.parsed == 12
    assert second.pages == first.pages


def test_a_lost_blob_is_fetched_again(site: Site, tmp_path: Path):
    site.pages["/"] = Answer(page("front", "/a"), headers={"ETag": '"one"'})
    site.pages["/a"] = page("a")
    first = crawl(site, tmp_path)
    second = crawl(site, tmp_path / "elsewhere", first)
    assert all("If-None-Match" not in asked.headers for asked in site.asked)
    assert second.pages == first.pages


def misses(site: Site, folder: Path, first: Scrape, crawls: int) -> list[tuple[int, int]]:
    """Pages and the misses of `/a`, crawl by crawl."""
    seen: list[tuple[int, int]] = []
    for _ in range(crawls):
        first = crawl(site, folder, first, miss_limit=3)
        seen.append((first.counts.pages, row(first, site.url("/a")).misses))
    return seen


@pytest.mark.parametrize(
    "fault", [Answer("no", status=403), Answer("down", status=500), Answer(reset=True)]
)
def test_a_page_that_cannot_be_had_is_kept_for_a_few_crawls(
    site: Site, tmp_path: Path, fault: Answer
):
    site.pages["/"], site.pages["/a"] = page("front", "/a"), page("a", "/b")
    site.pages["/b"] = page("b")
    first = crawl(site, tmp_path)
    site.pages["/a"] = fault
    # The page that only it links to stays while it does, and leaves with it.
    assert misses(site, tmp_path, first, 3) == [(3, 1), (3, 2), (2, 3)]


def test_misses_are_forgotten_when_a_page_comes_back(site: Site, tmp_path: Path):
    site.pages["/"], site.pages["/a"] = page("front", "/a"), page("a")
    first = crawl(site, tmp_path)
    site.pages["/a"] = Answer("down", status=502)
    second = crawl(site, tmp_path, first)
    site.pages["/a"] = page("a")
    third = crawl(site, tmp_path, second)
    assert (row(second, site.url("/a")).misses, row(third, site.url("/a")).misses) == (1, 0)
    assert third.pages == first.pages
    assert third.counts.parsed == 0


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_leaves_at_once(site: Site, tmp_path: Path, status: int):
    site.pages["/"], site.pages["/a"] = page("front", "/a"), page("a")
    first = crawl(site, tmp_path)
    site.pages["/a"] = Answer("gone", status=status)
    second = crawl(site, tmp_path, first)
    assert page_paths(site, second) == ["/"]
    assert second.counts.removed == 1
    assert verdict(second, site.url("/a")) == ("gone", "status")


def test_pages_that_nothing_leads_to_are_asked_for_once_more_and_leave(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/a", "/b", "/c")
    for path in ("/a", "/b", "/c"):
        site.pages[path] = page(path)
    first = crawl(site, tmp_path)
    site.pages["/"] = page("front")
    del site.pages["/b"]
    site.pages["/c"] = Answer("down", status=500)
    second = crawl(site, tmp_path, first)
    assert verdict(second, site.url("/a")) == ("refused", "unlinked")
    assert verdict(second, site.url("/b")) == ("gone", "status")
    assert verdict(second, site.url("/c")) == ("failed", "status")
    assert page_paths(site, second) == ["/", "/c"]
    third = crawl(site, tmp_path, second)
    assert "/a" not in [asked.path for asked in site.asked[-4:]]
    assert page_paths(site, third) == ["/", "/c"]


def test_a_site_that_vanishes_is_told_from_one_that_is_down(site: Site, tmp_path: Path):
    lists(site, 10)
    first = crawl(site, tmp_path)
    site.pages.clear()
    vanished = crawl(site, tmp_path, first)
    assert (vanished.counts.pages, vanished.counts.removed) == (0, 12)
    site.other = lambda path: Answer("down", status=503, headers={"Retry-After": "9999"})
    down = crawl(site, tmp_path, first)
    assert down.pages == first.pages
    site.close()
    dead = crawl(site, tmp_path, first)
    assert dead.pages == first.pages
    assert dead.counts.failed > 0


def test_the_copy_of_a_page_takes_its_place_when_it_leaves(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/a", "/b", "/c")
    site.pages["/a"] = page("same")
    site.pages["/b"] = page("same", "/")
    site.pages["/c"] = page("c")
    first = crawl(site, tmp_path)
    again = crawl(site, tmp_path, first)
    assert again.counts.parsed == 0
    assert verdict(again, site.url("/b")) == ("refused", "same_content_as")
    del site.pages["/a"]
    second = crawl(site, tmp_path, again)
    assert page_paths(site, second) == ["/", "/b", "/c"]
    assert second.counts.parsed == 1


def test_pages_that_another_extractor_read_are_read_again(site: Site, tmp_path: Path):
    lists(site, 10)
    first = crawl(site, tmp_path)
    older = replace(first, ledger=[replace(entry, extractor="0") for entry in first.ledger])
    second = crawl(site, tmp_path, older)
    assert second.counts.parsed == 12
    assert second.pages == first.pages


def test_a_denied_page_leaves(site: Site, tmp_path: Path):
    site.pages["/"], site.pages["/a"] = page("front", "/a"), page("a")
    first = crawl(site, tmp_path)
    second = crawl(site, tmp_path, first, denied=(site.url("/a"),))
    assert page_paths(site, second) == ["/"]
    assert verdict(second, site.url("/a")) == ("refused", "denied")


def test_a_document_is_not_fetched_twice(site: Site, tmp_path: Path):
    site.modified = OLD
    site.pages["/"] = page("front", "/a.pdf")
    site.pages["/a.pdf"] = Answer(b"%PDF-1.7 bytes", content_type="application/pdf")
    first = crawl(site, tmp_path)
    site.pages["/a.pdf"] = Answer(status=304)
    second = crawl(site, tmp_path, first)
    before, after = row(first, site.url("/a.pdf")), row(second, site.url("/a.pdf"))
    assert site.asked[-1].headers["If-Modified-Since"] == formatdate(OLD, usegmt=True)
    assert (after.outcome, after.snapshot) == ("not_modified", before.snapshot)
    assert after.content_type == "application/pdf"
