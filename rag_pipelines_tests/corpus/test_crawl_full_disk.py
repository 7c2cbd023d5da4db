"""Row F11: a disk that is full while a site is crawled costs that crawl and nothing else."""

from pathlib import Path

import pytest

from rag_pipelines_tests.corpus.crawling import crawl, page_paths, verdict
from rag_pipelines_tests.corpus.site import Answer, page, serving
from rag_pipelines_tests.small_disk import FULL, small_disk


def test_a_full_disk_ends_the_crawl_and_the_next_finds_all(tmp_path: Path):
    with small_disk(tmp_path / "disk", 16 << 20) as disk, serving() as site:
        site.pages["/"] = page("front", "/long", "/short")
        site.pages["/long"] = Answer(bytes(1_000_000), content_type="application/pdf")
        site.pages["/short"] = page("short", text="The ebb is slow.")
        disk.fill(100_000)
        with pytest.raises(OSError, match=FULL):
            crawl(site, disk.path)
        assert list(disk.path.rglob("*.tmp")) == []
        disk.empty()
        scrape = crawl(site, disk.path)
        assert page_paths(site, scrape) == ["/", "/short"]
        assert verdict(scrape, site.url("/long")) == ("fetched", "")
