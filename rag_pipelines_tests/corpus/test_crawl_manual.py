"""A real site with the truth about it on disk: all pages are found, twice the same."""

import sys
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from rag_pipelines.corpus.website import scrape_website
from rag_pipelines.sources import Website
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.machine import MANUAL


class Quiet(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args, directory=str(MANUAL))

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def manual() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.manual
@pytest.mark.slow
def test_every_page_of_the_manual_is_found_twice_the_same(manual: str, tmp_path: Path):
    files = {f"{manual}{path.name}" for path in MANUAL.glob("*.html")}
    website = Website(start_urls=(f"{manual}index.html",), allow_private_hosts=("127.0.0.1",))
    first = scrape_website("manual", website, None, Blobs(str(tmp_path / "one")))
    second = scrape_website("manual", website, None, Blobs(str(tmp_path / "two")))
    again = scrape_website("manual", website, first, Blobs(str(tmp_path / "one")))
    print(first.counts, again.counts, file=sys.stderr)
    assert {page.url for page in first.pages} == files
    assert first.pages == second.pages == again.pages
    assert (first.counts.failed, first.counts.parsed) == (0, len(files))
    assert (again.counts.parsed, again.counts.bytes) == (0, 0)
    assert all(page.text and page.title for page in first.pages)
