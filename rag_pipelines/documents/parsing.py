"""One file's bytes to raw elements: the service where it is asked for, else a local parser.

Knows workers and limits. A page that only optical recognition can read is a task of its own, so
that a long scan has the time it needs and one bad page loses nothing but itself.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, Self

from rag_pipelines.documents.cloud import LlamaCloud, parse_in_cloud, tell_cost
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.file_types import PDF
from rag_pipelines.documents.pdf_pages import too_many_pages
from rag_pipelines.documents.raw import RawDocument, RawElement
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines.errors import ModelError, ModelUnavailable
from rag_pipelines.records import DocumentFile, Progress
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

NEVER_NOTE = "a picture of a page, not read: ocr is never"

_MORE = 2
"""Times the letters that the file itself tells; less, and a picture only lies behind them."""
_MOST_UNANSWERED = 2
"""Documents in a row that the service does not answer for before it is asked no more."""
_PDF_TASK = "rag_pipelines.documents.partition_pdf:partition_pdf"
_COUNT_TASK = "rag_pipelines.documents.partition_pdf:count_pages"
_SCAN_TASK = "rag_pipelines.documents.partition_pdf:partition_scan"
_OFFICE_TASK = "rag_pipelines.documents.partition_office:partition_office"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What a file's bytes hold, or the `problem` why nobody can tell."""

    title: str = ""
    elements: list[RawElement] = field(default_factory=list[RawElement])
    problem: str = ""
    seconds: float = 0.0


class Parser:
    """A context manager over `workers` processes; `parse` may be called from as many threads."""

    def __init__(
        self, blobs: Blobs, limits: Documents, cloud: LlamaCloud | None, workers: int = 1
    ) -> None:
        self._blobs, self._limits, self._workers = blobs, limits, workers
        self._cloud = None if cloud is None else replace(cloud, tier=limits.tier)
        self._unanswered, self._last_refusal = 0, ""
        self._counted: dict[str, int] = {}
        self._idle: SimpleQueue[DocumentWorker] = SimpleQueue()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for _ in range(self._workers):
            self._idle.put(self._stack.enter_context(DocumentWorker.within(self._limits)))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def tell_cost(self, files: Sequence[DocumentFile], progress: Progress) -> None:
        """Say what a big run costs at the service; a file that tells no pages counts as one."""
        if self._in_cloud and self._cloud is not None:
            pages = (self._pages(file) or 1 for file in files)
            sent = sum(count for count in pages if count <= self._limits.max_pages)
            tell_cost(sent, self._cloud, progress)

    def parse(self, file: DocumentFile) -> Parsed:
        """What the file holds. Raises `OSError` where the machine fails, never for the file."""
        started = time.monotonic()
        found = self._served(file) if self._in_cloud else self._read(file)
        return replace(found, seconds=time.monotonic() - started)

    @property
    def _in_cloud(self) -> bool:
        return self._limits.parser == "llama_parse"

    def _served(self, file: DocumentFile) -> Parsed:
        """What the service reads, else the local parser; then each element tells why."""
        if (pages := self._pages(file)) > self._limits.max_pages:
            return Parsed(problem=str(too_many_pages(pages, self._limits.max_pages)))
        try:
            return Parsed(elements=self._asked(file))
        except ModelError as error:
            found, note = self._read(file), str(error)
            noted: list[RawElement] = [{**told, "note": note} for told in found.elements]
            return replace(found, elements=noted)

    def _asked(self, file: DocumentFile) -> list[RawElement]:
        """The service's answer. It is asked no more where several documents in a row had none."""
        if self._cloud is None:
            raise ModelUnavailable("llama_parse: there is no key; set LLAMA_CLOUD_API_KEY")
        if self._unanswered >= _MOST_UNANSWERED:
            raise ModelUnavailable(f"not asked, for others failed before: {self._last_refusal}")
        try:
            elements: list[Any] = parse_in_cloud(
                self._blobs.get(file.document), file.name, self._cloud
            )
        except ModelUnavailable as error:
            self._unanswered, self._last_refusal = self._unanswered + 1, str(error)
            raise
        self._unanswered = 0
        return elements

    def _read(self, file: DocumentFile) -> Parsed:
        try:
            document = self._locally(file)
        except DocumentFailure as failure:
            return Parsed(problem=str(failure))
        return Parsed(title=document["title"], elements=document["elements"])

    def _pages(self, file: DocumentFile) -> int:
        """Pages as a PDF tells them itself; 0 where nothing tells any. Each file is asked once."""
        if file.document not in self._counted:
            self._counted[file.document] = self._count(file) if file.media_type == PDF else 0
        return self._counted[file.document]

    def _count(self, file: DocumentFile) -> int:
        try:
            with self._worker() as worker, self._on_disk(file) as path:
                return worker.run(_COUNT_TASK, path)
        except DocumentFailure:
            return 0

    def _locally(self, file: DocumentFile) -> RawDocument:
        with self._worker() as worker, self._on_disk(file) as path:
            if file.media_type != PDF:
                return worker.run(_OFFICE_TASK, path, media_type=file.media_type)
            told: RawDocument = worker.run(_PDF_TASK, path, most_pages=self._limits.max_pages)
            for page in told["scans"]:
                read = self._scan(worker, path, page)
                told["elements"] = _with_page(told["elements"], page, read)
            return told

    def _scan(self, worker: DocumentWorker, path: Path, page: int) -> list[RawElement] | str:
        """The page's elements, or why it has none."""
        if self._limits.ocr == "never":
            return NEVER_NOTE
        try:
            return worker.run(_SCAN_TASK, path, page=page)
        except DocumentFailure as failure:
            return f"a picture of a page that could not be read ({failure})"

    @contextmanager
    def _on_disk(self, file: DocumentFile) -> Iterator[Path]:
        with TemporaryDirectory(prefix="rag-document-") as folder:
            path = Path(folder) / "document"
            path.write_bytes(self._blobs.get(file.document))
            yield path

    @contextmanager
    def _worker(self) -> Iterator[DocumentWorker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)


def _with_page(
    elements: Sequence[RawElement], page: int, read: list[RawElement] | str
) -> list[RawElement]:
    """The elements with those of a page replaced by what says more, or its end noted."""
    before = [element for element in elements if (element.get("page") or 0) < page]
    here = [element for element in elements if element.get("page") == page]
    after = [element for element in elements if (element.get("page") or 0) > page]
    if isinstance(read, str):
        ended: RawElement = {**here[-1], "note": read}
        return [*before, *here[:-1], ended, *after]
    says_more = _letters(read) >= _MORE * _letters(here)
    return [*before, *(read if says_more else here), *after]


def _letters(elements: Sequence[RawElement]) -> int:
    return sum(sum(map(str.isalnum, element.get("text", ""))) for element in elements)
