"""Pages of documents as pictures, for who looks at what was cited.

One worker paints them, one at a time, for the files are anybody's. Knows neither routes nor which
documents may be seen.
"""

from collections import OrderedDict
from threading import BoundedSemaphore, Lock

from rag_pipelines.chat.live import Busy
from rag_pipelines.documents.rendering import render_page
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines.storage.blobs import Blobs

Box = tuple[float, float, float, float]
_Key = tuple[str, int, Box | None]

_WAITING = 8
_KEPT = 64
_CPU_SECONDS, _WALL_SECONDS = 20, 30.0


class Painter:
    """Paints pages, and remembers the last ones."""

    def __init__(self, blobs: Blobs) -> None:
        """The worker's process starts with the first page."""
        self._blobs = blobs
        self._worker = DocumentWorker(cpu_seconds=_CPU_SECONDS, wall_seconds=_WALL_SECONDS)
        self._waiting, self._lock = BoundedSemaphore(_WAITING), Lock()
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()

    def page(self, document: str, number: int, box: Box | None) -> bytes:
        """A page, from 1, as PNG, with a box on it marked.

        Raises `Busy` where too many wait, `DocumentFailure` where it cannot be painted, and
        `FileNotFoundError` where the document's bytes are gone.
        """
        key = (document, number, box)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        if not self._waiting.acquire(blocking=False):
            raise Busy("Other pages are being painted; ask again in a moment.")
        try:
            png = render_page(self._blobs.get(document), number, box, worker=self._worker)
        finally:
            self._waiting.release()
        self._keep(key, png)
        return png

    def _keep(self, key: _Key, png: bytes) -> None:
        with self._lock:
            self._kept[key] = png
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def close(self) -> None:
        """End the worker's process."""
        self._worker.__exit__()
