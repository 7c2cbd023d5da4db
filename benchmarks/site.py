"""The site that is crawled: a folder of HTML files, served on loopback by a process of its own.

Knows the files that a crawl ought to find. Does not know who crawls.
"""

import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

POSTGRESQL = Path("/usr/share/doc/postgresql-doc-15/html")
"""Debian's postgresql-doc-15: 1,169 pages, each reachable from the first."""
_LINK = re.compile(rb"""(\bhref\s*=\s*["'])([^"'#?]+)([^"']*)""", re.IGNORECASE)
_HTML = (".html", ".htm")


def pages_of(folder: Path) -> list[str]:
    """Path of every HTML file, as a URL's path: the ground truth."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in _HTML)
    return sorted(f"/{path.relative_to(folder).as_posix()}" for path in files)


def lost(folder: Path, urls: Collection[str]) -> list[str]:
    """The HTML files that no URL names; a folder's own URL names its index.html."""
    paths = {unquote(urlsplit(url).path) for url in urls}
    found = {f"{path}index.html" if path.endswith("/") else path for path in paths}
    return [page for page in pages_of(folder) if page not in found]


def first_pages(folder: Path, count: int, into: Path) -> Path:
    """A smaller site: the first pages breadth-first, without links to the rest."""
    all_pages = set(pages_of(folder))
    kept = set(_breadth_first(folder, all_pages, count))
    for page in kept:
        place = into / page[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(_unlinked(folder, page, all_pages - kept))
    for path in folder.rglob("*.css"):
        place = into / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    return into


def _breadth_first(folder: Path, pages: set[str], count: int) -> list[str]:
    """Pages in the order in which a crawl would find them; the orphaned are left out."""
    begin = "/index.html" if "/index.html" in pages else min(pages)
    seen, waiting = {begin: None}, deque([begin])
    while waiting and len(seen) < count:
        page = waiting.popleft()
        for _, target, _ in _LINK.findall((folder / page[1:]).read_bytes()):
            linked = _path(page, target)
            if linked in pages and linked not in seen and len(seen) < count:
                seen[linked] = None
                waiting.append(linked)
    return list(seen)


def _path(page: str, target: bytes) -> str:
    return unquote(urlsplit(urljoin(page, target.decode("utf-8", "replace"))).path)


def _unlinked(folder: Path, page: str, left_out: set[str]) -> bytes:
    """The page's body with links to what is left out pointing at itself."""

    def kept(link: re.Match[bytes]) -> bytes:
        return link[1] + b"#" if _path(page, link[2]) in left_out else link[0]

    return _LINK.sub(kept, (folder / page[1:]).read_bytes())


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The folder on a free port of 127.0.0.1 while the block runs; its address."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--directory", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        said = process.stdout.readline() if process.stdout else ""
        port = re.search(r"port (\d+)", said)
        if port is None:
            raise RuntimeError(f"the local server did not start: {said!r}")
        yield f"http://127.0.0.1:{port[1]}/"
    finally:
        process.terminate()
        process.communicate()
