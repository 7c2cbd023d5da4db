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

from rag_pipelines.documents.cloud import LlamaCloud, parse_in_cloud
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.file_types import PDF
from rag_pipelines.documents.raw import RawDocument, RawElement
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines.errors import ModelError
from rag_pipelines.records import DocumentFile
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

NEVER_NOTE = "a picture of a page, not read: ocr is never"

_MORE = 2
"""Times the letters that the file itself tells; less, and a picture only lies behind them."""
_PDF_TASK = "rag_pipelines.documents.partition_pdf:partition_pdf"
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
        self._idle: SimpleQueue[DocumentWorker] = SimpleQueue()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for _ in range(self._workers):
            worker = DocumentWorker(
                memory_bytes=self._limits.max_memory_bytes,
                cpu_seconds=max(1, int(self._limits.max_seconds)),
                wall_seconds=self._limits.max_seconds,
            )
            self._idle.put(self._stack.enter_context(worker))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def parse(self, file: DocumentFile) -> Parsed:
        """What the file holds. Raises `OSError` where the machine fails, never for the file."""
        started = time.monotonic()
        data = self._blobs.get(file.document)
        try:
            document = self._document(file, data)
        except DocumentFailure as failure:
            return Parsed(problem=str(failure), seconds=time.monotonic() - started)
        seconds = time.monotonic() - started
        return Parsed(title=document["title"], elements=document["elements"], seconds=seconds)

    def _document(self, file: DocumentFile, data: bytes) -> RawDocument:
        if self._limits.parser != "llama_parse":
            return self._locally(file, data)
        try:
            if self._cloud is None:
                raise ModelError("llama_parse: no service is configured")
            elements: list[Any] = parse_in_cloud(data, file.name, self._cloud)
            return {"title": "", "elements": elements, "scans": []}
        except ModelError as error:
            document = self._locally(file, data)
            note = str(error)
            noted: list[RawElement] = [{**told, "note": note} for told in document["elements"]]
            return {**document, "elements": noted}

    def _locally(self, file: DocumentFile, data: bytes) -> RawDocument:
        with self._worker() as worker, TemporaryDirectory(prefix="rag-document-") as folder:
            path = Path(folder) / "document"
            path.write_bytes(data)
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
