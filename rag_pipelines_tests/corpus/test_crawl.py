"""A crawl of a real site on loopback: what is found, in which order, and what is left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.errors import ConfigError
from rag_pipelines.sources import Website
from rag_pipelines_tests.corpus.crawling import crawl, page_paths, row, verdict
from rag_pipelines_tests.corpus.site import Answer, Site, page, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def tree(site: Site, width: int = 3, depth: int = 3) -> int:
    """A site whose pages link to `width` pages below them."""
    level = ["/"]
    count = 0
    for step in range(depth + 1):
        below = [f"{path}{n}/" for path in level for n in range(width)]
        for path in level:
            links = [child for child in below if child.startswith(path)] if step < depth else []
            site.pages[path] = page(f"page {path}", *links)
            count += 1
        level = below
    return count


def test_every_page_is_found_and_twice_the_same(site: Site, tmp_path: Path):
    count = tree(site)
    first, second = crawl(site, tmp_path / "a"), crawl(site, tmp_path / "b")
    assert first.counts.pages == first.counts.parsed == first.counts.new == count
    assert first.pages == second.pages
    assert {p.title for p in first.pages} == {f"page {path}" for path in site.pages}


def test_a_ledger_row_tells_how_a_page_was_found(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/a")
    site.pages["/a"] = Answer(page("a"), headers={"ETag": '"a1"'})
    entry = row(crawl(site, tmp_path), site.url("/a"))
    assert (entry.status, entry.depth, entry.found_on) == (200, 1, site.url("/"))
    assert (entry.etag, entry.content_type, entry.charset) == ('"a1"', "text/html", "utf-8")
    assert len(entry.snapshot) == len(entry.content_hash) == 64
    assert entry.fetched_at


def test_the_page_budget_takes_the_nearest_pages_in_url_order(site: Site, tmp_path: Path):
    tree(site)
    scrape = crawl(site, tmp_path, max_pages=6)
    assert page_paths(site, scrape) == ["/", "/0/", "/0/0/", "/0/1/", "/1/", "/2/"]
    assert row(scrape, site.url("/0/2/")).detail == "pages"


def test_depth_patterns_and_hosts_bound_the_crawl(site: Site, tmp_path: Path):
    tree(site)
    site.pages["/"] = page("front", "/0/", "/1/", "/2/", "http://elsewhere.example/x")
    scrape = crawl(site, tmp_path, max_depth=2, include=("/0/**", "/1/**"), exclude=("**/2/**",))
    assert page_paths(site, scrape) == ["/", "/0/", "/0/0/", "/0/1/", "/1/", "/1/0/", "/1/1/"]
    assert verdict(scrape, site.url("/2/")) == ("refused", "pattern")
    assert verdict(scrape, site.url("/0/0/0/")) == ("refused", "depth")
    assert verdict(scrape, "http://elsewhere.example/x") == ("refused", "offsite")


def test_the_byte_budget_ends_a_crawl(site: Site, tmp_path: Path):
    tree(site, width=40, depth=1)
    size = len(str(site.pages["/1/"]))
    scrape = crawl(site, tmp_path, max_bytes=size * 10, max_page_bytes=size * 20)
    assert 1 < scrape.counts.pages < 41
    assert scrape.counts.refused["budget"] == 41 - scrape.counts.pages


def test_the_time_budget_ends_a_crawl(site: Site, tmp_path: Path):
    tree(site, width=40, depth=1)
    scrape = crawl(site, tmp_path, max_seconds=6.0, delay=0.5, sitemaps=False)
    assert 0 < scrape.counts.pages < 15
    assert scrape.counts.refused["budget"] == 41 - scrape.counts.pages
    assert {e.detail for e in scrape.ledger if e.reason == "budget"} == {"seconds"}


def test_one_page_has_one_url(site: Site, tmp_path: Path):
    site.pages["/"] = page(
        "front", "/a#x", "/a?utm_source=mail", "/b/../a", "/%61", "/a;jsessionid=1?PHPSESSID=2", "a"
    )
    site.pages["/a"] = page("a")
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/a"]
    assert site.paths == ["/", "/a"]


def test_pages_that_say_the_same_are_one_page(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/a", "/b", "/c")
    site.pages["/a"] = site.pages["/b"] = page("same", "/d")
    site.pages["/c"] = page("same", "/d", "/a")  # the same main text, another page around it
    site.pages["/d"] = page("d")
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/a", "/d"]
    for copy in ("/b", "/c"):
        assert verdict(scrape, site.url(copy)) == ("refused", "same_content_as")
        assert row(scrape, site.url(copy)).detail == site.url("/a")


def test_the_url_that_a_page_names_as_its_own_wins(site: Site, tmp_path: Path):
    link = '<link rel="canonical" href="/z">'
    site.pages["/"] = page("front", "/a")
    site.pages["/a"] = site.pages["/z"] = page("same", head=link)
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/z"]
    assert row(scrape, site.url("/a")).detail == site.url("/z")


def test_another_query_gives_way_to_the_canonical_one(site: Site, tmp_path: Path):
    link = '<link rel="canonical" href="/list">'
    site.pages["/"] = page("front", "/list?sort=up", "/list")
    site.pages["/list"] = page("list", head=link)
    site.pages["/list?sort=up"] = page("list the other way", "/item", head=link)
    site.pages["/item"] = page("item")
    assert page_paths(site, crawl(site, tmp_path)) == ["/", "/item", "/list"]


def test_a_site_that_names_its_front_page_everywhere_loses_nothing(site: Site, tmp_path: Path):
    link = '<link rel="canonical" href="/">'
    site.pages["/"] = page("front", "/a", "/b", head=link)
    site.pages["/a"], site.pages["/b"] = page("a", head=link), page("b", head=link)
    assert page_paths(site, crawl(site, tmp_path)) == ["/", "/a", "/b"]


def test_noindex_and_nofollow_are_kept_apart(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/hidden", "/end", "/header")
    site.pages["/hidden"] = page("hidden", "/a", head='<meta name="robots" content="noindex">')
    site.pages["/end"] = page("end", "/b", head='<meta name="ROBOTS" content="NoFollow">')
    site.pages["/header"] = Answer(page("header", "/c"), headers={"X-Robots-Tag": "none"})
    for path in ("/a", "/b", "/c"):
        site.pages[path] = page(path)
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/a", "/end"]
    assert verdict(scrape, site.url("/hidden")) == ("refused", "noindex")


def test_sitemaps_lead_to_pages_that_nothing_links_to(site: Site, tmp_path: Path):
    import gzip

    site.pages["/"] = page("front")
    site.pages["/lone"], site.pages["/zipped"] = page("lone"), page("zipped")
    site.pages["/robots.txt"] = Answer(
        f"Sitemap: {site.url('/index.xml')}", content_type="text/plain"
    )
    site.pages["/index.xml"] = (
        "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
        f"<sitemap><loc>{site.url('/one.xml.gz')}</loc></sitemap></sitemapindex>"
    )
    urlset = f"<urlset><url><loc>{site.url('/zipped')}</loc></url></urlset>"
    site.pages["/one.xml.gz"] = Answer(
        gzip.compress(urlset.encode()), content_type="application/gzip"
    )
    site.pages["/sitemap.xml"] = f"<urlset><url><loc>{site.url('/lone')}</loc></url></urlset>"
    scrape = crawl(site, tmp_path)
    assert page_paths(site, scrape) == ["/", "/lone", "/zipped"]
    assert row(scrape, site.url("/lone")).found_on == site.url("/sitemap.xml")
    assert page_paths(site, crawl(site, tmp_path, sitemaps=False)) == ["/"]


def test_types_are_read_stored_or_refused(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/notes.md", "/plain", "/report", "/feed", "/logo.png")
    site.pages["/notes.md"] = Answer(
        "# Notes\n\nMarkdown as it stands.", content_type="text/markdown"
    )
    site.pages["/plain"] = Answer("Plain words.\nMore.", content_type="text/plain; charset=latin-1")
    site.pages["/report"] = Answer(b"%PDF-1.7 bytes", content_type="application/pdf")
    site.pages["/feed"] = Answer("{}", content_type="application/json")
    scrape = crawl(site, tmp_path)
    assert {p.url.rpartition("/")[2]: p.title for p in scrape.pages} == {
        "": "front",
        "notes.md": "Notes",
        "plain": "Plain words.",
    }
    pdf = row(scrape, site.url("/report"))
    assert (pdf.outcome, pdf.content_type, len(pdf.snapshot)) == ("fetched", "application/pdf", 64)
    assert verdict(scrape, site.url("/feed")) == ("refused", "type")
    assert verdict(scrape, site.url("/logo.png")) == ("refused", "type")
    assert "/logo.png" not in site.paths


def test_a_page_that_is_too_large_is_refused(site: Site, tmp_path: Path):
    site.pages["/"] = page("front", "/large")
    site.pages["/large"] = page("large", text="word " * 5_000)
    scrape = crawl(site, tmp_path, max_page_bytes=10_000)
    assert verdict(scrape, site.url("/large")) == ("refused", "size")


def test_denied_urls_are_never_asked_for(site: Site, tmp_path: Path):
    site.pages["/"], site.pages["/a"] = page("front", "/a"), page("a")
    scrape = crawl(site, tmp_path, denied=(site.url("/a"),))
    assert verdict(scrape, site.url("/a")) == ("refused", "denied")
    assert site.paths == ["/"]


def test_the_user_agent_says_who_we_are(site: Site, tmp_path: Path):
    site.pages["/"] = page("front")
    crawl(site, tmp_path, contact="mailto:me@example.org")
    agents = {asked.headers["User-Agent"] for asked in site.asked}
    assert len(agents) == 1
    assert agents.pop().startswith("rag_pipelines/")
    assert all("me@example.org" in asked.headers["User-Agent"] for asked in site.asked)


def test_a_site_that_is_not_there_gives_a_ledger_and_no_exception(tmp_path: Path):
    with serving() as site:
        pass
    scrape = crawl(site, tmp_path)
    assert scrape.pages == []
    assert verdict(scrape, site.url("/robots.txt")) == ("failed", "robots")
    assert verdict(scrape, site.url("/")) == ("refused", "robots")


def test_a_start_url_that_is_none_is_the_users_mistake(tmp_path: Path, site: Site):
    website = Website(start_urls=(site.url("/"),)).model_copy(update={"start_urls": ("http://",)})
    from rag_pipelines.corpus.website import scrape_website
    from rag_pipelines.storage.blobs import Blobs

    with pytest.raises(ConfigError, match="start_urls"):
        scrape_website("site", website, None, Blobs(str(tmp_path)))
