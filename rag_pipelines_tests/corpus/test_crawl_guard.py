"""Row B2: no way of sending a crawl on leads it to an address that it may not reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines_tests.corpus.crawling import crawl, page_paths, row, verdict
from rag_pipelines_tests.corpus.site import Answer, Site, page, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def private() -> Iterator[Site]:
    """A server that the crawl could reach, and may not."""
    with serving("127.0.0.2") as private:
        private.other = lambda path: Answer(page("secret"))
        yield private


def redirect(target: str) -> Answer:
    return Answer(status=302, headers={"Location": target})


def test_no_path_leads_to_a_private_address(site: Site, private: Site, tmp_path: Path):
    site.pages["/"] = page(
        "front",
        "/hop1",
        "/refresh",
        "/canonical",
        private.url("/link"),
        private.url("/report.pdf"),
        "http://127.0.0.2.:1/dot",
        "http://user@127.0.0.2:1/user",
        "http://0x7f.2/odd",
    )
    site.pages["/hop1"], site.pages["/hop2"] = redirect("/hop2"), redirect(private.url("/hop3"))
    refresh = f'<meta http-equiv="refresh" content="0; url={private.url("/refreshed")}">'
    site.pages["/refresh"] = page("refresh", head=refresh)
    stated = f'<link rel="canonical" href="{private.url("/canonical")}">'
    site.pages["/canonical"] = page("canonical", head=stated)
    site.pages["/robots.txt"] = Answer(
        f"Sitemap: {private.url('/map.xml')}\nSitemap: {site.url('/map.xml')}",
        content_type="text/plain",
    )
    site.pages["/map.xml"] = f"<urlset><url><loc>{private.url('/mapped')}</loc></url></urlset>"
    scrape = crawl(site, tmp_path)
    assert private.asked == []
    assert page_paths(site, scrape) == ["/", "/canonical"]
    for path in ("/link", "/report.pdf", "/hop3", "/refreshed", "/mapped", "/map.xml"):
        assert verdict(scrape, private.url(path)) == ("refused", "offsite")
    assert row(scrape, site.url("/hop2")).detail == private.url("/hop3")


def test_a_private_start_url_is_refused_by_address(site: Site, private: Site, tmp_path: Path):
    site.pages["/"] = page("front", private.url("/link"))
    start = ("/", private.url("/start"), private.url("/report.pdf"))
    scrape = crawl(site, tmp_path, start=start)
    assert private.asked == []
    assert page_paths(site, scrape) == ["/"]
    assert verdict(scrape, private.url("/robots.txt")) == ("refused", "private_address")
    for path in ("/start", "/link", "/report.pdf"):
        assert verdict(scrape, private.url(path))[0] == "refused"


@pytest.mark.parametrize("path", ["/robots.txt", "/sitemap.xml"])
def test_robots_and_sitemaps_do_not_redirect_to_a_private_address(
    site: Site, private: Site, tmp_path: Path, path: str
):
    site.pages["/"] = page("front")
    site.pages[path] = redirect(private.url("/target"))
    scrape = crawl(site, tmp_path)
    assert private.asked == []
    assert verdict(scrape, site.url(path)) == ("refused", "private_address")
    # What robots.txt allows is unknown then, and so nothing is.
    assert page_paths(site, scrape) == ([] if path == "/robots.txt" else ["/"])


def test_metadata_addresses_are_refused(site: Site, tmp_path: Path):
    scrape = crawl(site, tmp_path, start=("http://169.254.169.254/latest/meta-data/",))
    robots = row(scrape, "http://169.254.169.254/robots.txt")
    assert (robots.outcome, robots.reason) == ("refused", "private_address")
    assert scrape.pages == []
