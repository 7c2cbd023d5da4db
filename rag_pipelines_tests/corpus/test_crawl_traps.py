"""Row B4: sites without end are left within the caps, and without much memory."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.corpus import crawl_frames
from rag_pipelines.corpus.crawl_frames import Body, Job, Visit, read_frames
from rag_pipelines.corpus.crawl_links import MAX_LINKS, read_links
from rag_pipelines.corpus.crawl_traps import MAX_VARIANTS, Traps, looks_like_a_file
from rag_pipelines.sources import Website
from rag_pipelines_tests.corpus.crawling import crawl, page_paths, row, verdict
from rag_pipelines_tests.corpus.site import Answer, Site, page, serving

PEAK = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, "-m", "rag_pipelines.corpus.spider"]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def spider_run(site: Site, folder: Path, **fields: object) -> tuple[list[Body | Visit], int]:
    """Messages of the crawling process alone, and its peak memory in bytes."""
    import subprocess

    website = Website.model_validate(
        {"start_urls": [site.url("/")], "allow_private_hosts": [site.authority], **fields}
    )
    command = [sys.executable, "-c", PEAK]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        Job(crawl_frames.Site.of(website), str(folder)).write(process.stdin)
        process.stdin = None
        messages = [message for message, _ in read_frames(process.stdout)]
        said = process.stderr.read().decode().split()
        assert process.wait() == 0
    return messages, int(said[-1]) * 1024


def test_a_calendar_ends(site: Site, tmp_path: Path):
    def month(path: str) -> Answer | None:
        found = re.fullmatch(r"/calendar/(\d+)/(\d+)", path)
        if not found:
            return None
        year, number = int(found[1]), int(found[2])
        after = f"/calendar/{year + number // 12}/{number % 12 + 1}"
        before = f"/calendar/{year - (number == 1)}/{(number - 2) % 12 + 1}"
        return Answer(page(f"{year}-{number}", before, after))

    site.other = month
    site.pages["/"] = page("front", "/calendar/2026/1", "/about")
    site.pages["/about"] = page("about")
    scrape = crawl(site, tmp_path, max_depth=10_000, max_pages=5_000)
    assert len(site.paths) <= MAX_VARIANTS + 2
    assert scrape.counts.refused["trap"] >= 1
    assert "/about" in page_paths(site, scrape)


def test_session_ids_make_no_new_pages(site: Site, tmp_path: Path):
    count = 0

    def session(path: str) -> Answer:
        nonlocal count
        count += 1
        links = [f"/p{n}?PHPSESSID=s{count}" for n in range(3)] + [f"/p;jsessionid={count}"]
        return Answer(page(f"page at {path.partition('?')[0].partition(';')[0]}", *links))

    site.other = session
    site.pages["/robots.txt"] = site.pages["/sitemap.xml"] = Answer(status=404)
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/p", "/p0", "/p1", "/p2"]
    assert len(site.paths) == 5


def test_endless_queries_of_one_path_end(site: Site, tmp_path: Path):
    def search(path: str) -> Answer | None:
        found = re.fullmatch(r"/search\?q=(\d+)", path)
        return found and Answer(
            page(found[0], *(f"/search?q={int(found[1]) * 7 + n}" for n in range(7)))
        )

    site.other = search
    site.pages["/"] = page("front", "/search?q=1")
    scrape = crawl(site, tmp_path)
    assert len(site.paths) == MAX_VARIANTS + 1
    assert scrape.counts.pages == MAX_VARIANTS + 1


def test_endless_depth_ends_at_repeated_segments_or_the_depth(site: Site, tmp_path: Path):
    site.other = lambda path: Answer(page(f"{path} of {len(path)}", "a/", f"n{len(path)}/"))
    site.pages["/robots.txt"] = site.pages["/sitemap.xml"] = Answer(status=404)
    scrape = crawl(site, tmp_path, max_depth=6)
    assert len(site.paths) <= 2**7
    assert verdict(scrape, site.url("/a/a/a/a/")) == ("refused", "trap")
    assert scrape.counts.refused["depth"] > 1


def test_a_soft_404_is_one_page_and_leads_nowhere(site: Site, tmp_path: Path):
    missing = page("not found", "x/", "y/", text="Sorry, there is no such page on this site.")
    site.other = lambda path: Answer(missing)
    site.pages["/robots.txt"] = site.pages["/sitemap.xml"] = Answer(status=404)
    site.pages["/"] = page("front", "/a/", "/b/", "/c/", "/d/")
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/a/"]
    assert len(site.paths) == 7  # the front, the four, and the links of the first of them
    assert scrape.counts.refused["same_content_as"] == 5


@pytest.mark.slow
def test_a_page_of_a_million_links_costs_little(site: Site, tmp_path: Path):
    links = "".join(f"<a href=/n/{n}>n</a>" for n in range(1_000_000))
    site.other = lambda path: Answer(page(path)) if path.startswith("/n/") else None
    site.pages["/"] = f"<title>million</title><p>Links without end.</p>{links}"
    messages, peak = spider_run(site, tmp_path, max_pages=300, max_page_bytes=50_000_000)
    assert peak < 300_000_000
    visits = {m.url: m for m in messages if isinstance(m, Visit)}
    assert sum(v.outcome == "fetched" for v in visits.values()) == 300
    assert len(visits) <= MAX_LINKS + 1
    assert f"{1_000_000 - MAX_LINKS} links more" in visits[site.url("/")].detail


@pytest.mark.slow
def test_pages_that_all_have_many_new_links_cost_little(site: Site, tmp_path: Path):
    def many(path: str) -> Answer | None:
        found = re.fullmatch(r"/(?:m/([\d-]+))?", path)
        return found and Answer(page(path, *(f"/m/{found[1] or 0}-{n}" for n in range(2_000))))

    site.other = many
    messages, peak = spider_run(site, tmp_path, max_pages=150)
    assert peak < 300_000_000
    assert len([m for m in messages if isinstance(m, Body)]) <= 150
    assert len({m.url for m in messages if isinstance(m, Visit)}) <= 10 * 150 + 20_000


def test_a_million_links_are_counted_and_not_kept():
    body = b"".join(b"<a href=/%d>" % n for n in range(MAX_LINKS + 7))
    links = read_links(body, "http://site.example/", None)
    assert (len(links.links), links.ignored) == (MAX_LINKS, 7)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/" + "x" * 2_000, "longer"),
        ("/a" + "/b/c/d/e/f" * 9, "segments"),
        ("/a/b/a/b/a/b/a/b", "repeat"),
        ("/x/x/x/x/", "repeat"),
        ("/docs/2011/11/11/", ""),
        ("/a/b/c?page=2", ""),
    ],
)
def test_the_shape_of_a_trap(path: str, reason: str):
    found = Traps().found(f"http://site.example{path}")
    assert reason in found
    assert bool(found) == bool(reason)


def test_files_are_told_by_their_name():
    assert looks_like_a_file("http://site.example/logo.PNG")
    assert not looks_like_a_file("http://site.example/report.pdf")
    assert not looks_like_a_file("http://site.example/v1.2/page")
    assert not looks_like_a_file("http://example.zip/")


def test_a_million_links_refuse_and_report(site: Site, tmp_path: Path):
    many = "".join(f"<a href=/n/{n}>n</a>" for n in range(MAX_LINKS + 10))
    site.pages["/"] = f"<title>many</title><p>Many links and little else.</p>{many}"
    scrape = crawl(site, tmp_path, max_pages=2)
    assert row(scrape, site.url("/")).detail == "10 links more than are followed"
