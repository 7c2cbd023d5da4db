"""Any LangChain document loader as a source: its documents are pages.

Knows how a document becomes a page. The loader runs in a process of its own (`loader_worker`),
through whatever network it likes: it is the operator's choice, not content's.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from rag_pipelines.corpus.crawl_frames import Visit
from rag_pipelines.corpus.extract import Extracted
from rag_pipelines.corpus.ledger import Ledger, Reading
from rag_pipelines.corpus.loader_worker import NO_CLASS
from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.errors import ConfigError
from rag_pipelines.records import Outcome, Progress, no_progress
from rag_pipelines.sources import Loader
from rag_pipelines.storage.blobs import Blobs

_MISS_LIMIT = 3
_URL_KEYS = ("source", "url", "link", "file_path", "path", "id")


class _BrokeOff(Exception):
    """The loader failed after it had begun."""


def scrape_loader(
    source: str,
    loader: Loader,
    previous: Scrape | None,
    blobs: Blobs,
    denied: Collection[str] = (),
    progress: Progress = no_progress,
) -> Scrape:
    """What a loader gives now, compared with `previous`; documents that it leaves out are gone.

    A loader that fails on its way gives what it gave, keeps the pages of before for a few runs,
    and has a failed row in the ledger.

    Raises:
        ConfigError: a class path or arguments that make no loader.
    """
    started = time.monotonic()
    ledger = Ledger(source, previous, _MISS_LIMIT)
    intake = _Intake(blobs, frozenset(denied), loader)
    problem = ""
    try:
        for document in _documents(source, loader):
            intake.take(document)
            progress("load", len(intake.visits), None)
    except _BrokeOff as error:
        problem = str(error)
    visits = list(intake.visits.values())
    visits += _absent(ledger, intake.visits, problem)
    readings = {url: reading for url, reading in intake.readings.items() if url in intake.visits}
    entries = ledger.entries(visits, readings)
    pages = ledger.pages(entries, readings)
    return ledger.scrape(entries, pages, intake.parsed(previous), time.monotonic() - started)


def _absent(ledger: Ledger, seen: Collection[str], problem: str) -> list[Visit]:
    gone = Outcome.FAILED if problem else Outcome.GONE
    reason = "loader" if problem else "unlinked"
    rows = [
        Visit(page, gone, reason, problem, transient=bool(problem))
        for page in ledger.page_urls
        if page not in seen
    ]
    if problem:
        rows.append(Visit("loader:", Outcome.FAILED, "loader", problem))
    return rows


class _Intake:
    """Documents as they come, each under a URL of its own."""

    def __init__(self, blobs: Blobs, denied: frozenset[str], loader: Loader) -> None:
        self.visits: dict[str, Visit] = {}
        self.readings: dict[str, Reading] = {}
        self._blobs, self._denied, self._loader = blobs, denied, loader
        self._urls: Counter[str] = Counter()
        self._bytes = 0
        self._pages = 0

    def take(self, document: dict[str, Any]) -> None:
        """A document becomes a page, or a row that says why not."""
        metadata: dict[str, str] = document["metadata"]
        url = self._url_of(metadata)
        body = str(document["text"]).encode("utf-8", "replace")
        if reason := self._refusal(url, len(body)):
            self.visits[url] = Visit(url, Outcome.REFUSED, *reason)
            return
        self._pages += 1
        self._bytes += len(body)
        self.visits[url] = Visit(
            url,
            Outcome.FETCHED,
            content_type="text/markdown",
            size=len(body),
            snapshot=self._blobs.put(body),
            fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        text = body.decode()
        self.readings[url] = Reading(Extracted(_title(metadata, text, url), text.strip()))

    def parsed(self, previous: Scrape | None) -> int:
        """Documents whose text is not the last run's."""
        before = {entry.url: entry.snapshot for entry in previous.ledger} if previous else {}
        return sum(before.get(url) != self.visits[url].snapshot for url in self.readings)

    def _url_of(self, metadata: dict[str, str]) -> str:
        """Where the document says it is from; a second one from there is numbered."""
        named = next((metadata[key] for key in _URL_KEYS if metadata.get(key)), "")
        url = named or f"loader:{self._loader.class_path}"
        if page := metadata.get("page"):
            url = f"{url}#page={page}"
        self._urls[url] += 1
        return url if self._urls[url] == 1 else f"{url}#{self._urls[url]}"

    def _refusal(self, url: str, size: int) -> tuple[str, str] | None:
        if url in self._denied or url.partition("#")[0] in self._denied:
            return "denied", ""
        if self._pages >= self._loader.max_pages:
            return "budget", "pages"
        if self._bytes + size > self._loader.max_bytes:
            return "budget", "bytes"
        return None


def _title(metadata: dict[str, str], text: str, url: str) -> str:
    first = text.strip().partition("\n")[0].lstrip("# ").strip()
    return metadata.get("title", "").strip() or first[:120] or url


def _documents(source: str, loader: Loader) -> Iterator[dict[str, Any]]:
    task = json.dumps({"class_path": loader.class_path, "args": loader.args})
    command = [sys.executable, "-m", "rag_pipelines.corpus.loader_worker"]
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile("w+") as told:
        told.write(task)
        told.seek(0)
        with subprocess.Popen(
            command, stdin=told, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            watchdog = threading.Timer(loader.max_seconds, process.kill)
            watchdog.start()
            try:
                assert process.stdout is not None  # noqa: S101
                for line in process.stdout:
                    if line.endswith(b"\n"):
                        yield json.loads(line)
                process.wait()
            finally:
                timed_out = not watchdog.is_alive()
                watchdog.cancel()
                process.kill()
        errors.seek(0)
        said = errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()[-1:]
        _judge(source, loader, process.returncode, " ".join(said), timed_out)


def _judge(source: str, loader: Loader, status: int, said: str, timed_out: bool) -> None:
    if status == NO_CLASS:
        raise ConfigError(
            f"sources.{source}.loader: {loader.class_path} with args {sorted(loader.args)} makes "
            f"no document loader ({said}). Mend the class path or the args, or install its package."
        )
    if timed_out:
        raise _BrokeOff(f"stopped after max_seconds: {loader.max_seconds:g}")
    if status:
        raise _BrokeOff(said or f"the loader ended with status {status}")
