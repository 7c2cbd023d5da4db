"""The tables of a PDF through a document worker, those of every page that the worker survives.

The reader of pages aborts on some: coordinates beyond all measure ask for more memory than there
is. Such a page costs its own tables only. Does not know how tables are found.
"""

from pathlib import Path

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.tables_continued import Part
from rag_pipelines.documents.tables_pdf import part_of
from rag_pipelines.documents.worker import DocumentWorker

_TASK = "rag_pipelines.documents.tables_pdf:read_tables_of"
_COUNT = "rag_pipelines.documents.tables_pdf:count_pages"
_FATAL = frozenset({"crashed", "memory"})
_MOST = 16
"""Ends of the worker for one file, some seconds each, after which the file is given up."""


def parts_of_pdf(worker: DocumentWorker, path: Path) -> list[Part]:
    """The tables by page.

    Raises:
        DocumentFailure: the file cannot be read, or no page of it.
        OSError: the machine's fault, not the file's.
    """
    try:
        return [part_of(told) for told in worker.run(_TASK, path)]
    except DocumentFailure as failure:
        if failure.reason not in _FATAL:
            raise
        return _survived(worker, path, failure)


def _survived(worker: DocumentWorker, path: Path, failure: DocumentFailure) -> list[Part]:
    """The tables of the pages that can be read, which halves of what failed find."""
    parts: list[Part] = []
    waiting, ends, read = _halves(1, int(worker.run(_COUNT, path))), 1, 0
    while waiting:
        first, last = waiting.pop()
        try:
            parts += map(part_of, worker.run(_TASK, path, first=first, last=last))
            read += 1
        except DocumentFailure as again:
            ends += 1
            if again.reason not in _FATAL or ends > _MOST:
                raise
            waiting += _halves(first, last)
    if not read:
        raise failure
    return sorted(parts, key=lambda part: part.page)


def _halves(first: int, last: int) -> list[tuple[int, int]]:
    """Both halves of a range of pages; none of a single page."""
    middle = (first + last) // 2
    return [(first, middle), (middle + 1, last)] if first < last else []
