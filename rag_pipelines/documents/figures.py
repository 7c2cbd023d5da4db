"""Pictures of documents: found, cropped, read and described.

Knows which documents are looked at again and what a figure's record says. How a picture is found
is the business of `figures_pdf` and `figures_office`, which run in the worker; what a model says
of it is that of `figures_described`.
"""

from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rag_pipelines.corpus.fingerprint import digest_of, fold
from rag_pipelines.documents.failures import DocumentFailure, is_lasting
from rag_pipelines.documents.figures_described import MOST_SECONDS, described
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines.inference.protocols import Captioner
from rag_pipelines.records import DocumentTable, Element, Figure, Progress, no_progress
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

_VERSION = "figures-1"
_PAGES_AT_ONCE = 25
_REPEATED_ON = 3
_REPEATED_SHARE = 0.25
_OFFICE = "application/vnd.openxmlformats-officedocument."
_READERS = {
    "application/pdf": (".pdf", "rag_pipelines.documents.figures_pdf:pdf_figures"),
    f"{_OFFICE}wordprocessingml.document": (
        ".docx",
        "rag_pipelines.documents.figures_office:office_figures",
    ),
    f"{_OFFICE}presentationml.presentation": (
        ".pptx",
        "rag_pipelines.documents.figures_office:office_figures",
    ),
}
_OCR = "rag_pipelines.documents.ocr:lines_in_picture"
_READ_BY_OCR = "rapidocr"


@dataclass(slots=True)
class _Document:
    """One document under one address, and what is known of its pages."""

    first: Element
    budget: str
    pages: set[int] = field(default_factory=set[int])
    scans: set[int] = field(default_factory=set[int])
    tables: dict[str, list[list[float]]] = field(default_factory=dict[str, list[list[float]]])
    key: str = ""

    def figure(self, position: int, **fields: Any) -> Figure:
        """A record of this document; its id depends on everything that was found."""
        first = self.first
        found = Figure(
            id="",
            source=first.source,
            document=first.document,
            url=first.url,
            title=first.title,
            position=position,
            **fields,
        )
        return replace(found, id=self.id_of(found))

    def id_of(self, figure: Figure) -> str:
        """The id that a figure has where nothing changed since it was found."""
        place = (str(figure.page), str(figure.box), str(figure.position), figure.image)
        failed = (figure.problem, self.budget) if figure.problem and not figure.image else ()
        return digest_of(self.key, figure.url, *place, *failed)


def read_figures(
    elements: Sequence[Element],
    tables: Sequence[DocumentTable],
    blobs: Blobs,
    captioner: Captioner | None = None,
    previous: Sequence[Figure] = (),
    progress: Progress = no_progress,
    *,
    settings: Documents | None = None,
    caption_seconds: float = MOST_SECONDS,
) -> list[Figure]:
    """The figures of the documents that `elements` are of, in the order of the documents.

    A document whose bytes and tables are those of `previous` is not opened again, nor is one that
    failed within the same limits in a way that lasts. A description by the same captioner is kept;
    one that failed is asked for again. Pictures go into `blobs` as PNG. A document that cannot be
    read is a row with a `problem` and no picture, one without pictures a row with neither.
    `settings` as in `read_elements`; its `ocr` reads the text in images (1 to 2 CPU seconds each).
    After `caption_seconds` no further picture is described. Raises `OSError` where the machine
    fails, such as a full disk.
    """
    limits = settings or Documents(paths=("*",))
    documents = _documents(elements, tables, limits)
    before: defaultdict[str, list[Figure]] = defaultdict(list)
    for figure in previous:
        before[figure.document].append(figure)
    found: dict[str, list[Figure]] = {}
    result: list[Figure] = []
    with _Finder(blobs, limits) as finder:
        for done, document in enumerate(documents, start=1):
            sha = document.first.document
            known = found.get(sha) or _unchanged(document, before[sha])
            found[sha] = known or finder.figures(document)
            result += [_moved(figure, document) for figure in found[sha]]
            progress("figures", done, len(documents))
    return described(result, blobs, captioner, previous, progress, caption_seconds)


def _documents(
    elements: Sequence[Element], tables: Sequence[DocumentTable], limits: Documents
) -> list[_Document]:
    ocr = limits.ocr == "auto"
    documents: dict[tuple[str, str], _Document] = {}
    for element in elements:
        if element.media_type not in _READERS:
            continue
        place = (element.url, element.document)
        document = documents.setdefault(place, _Document(element, limits.budget))
        if element.page is not None:
            document.pages.add(element.page)
            if element.extractor == _READ_BY_OCR:
                document.scans.add(element.page)
    for table in tables:
        document = documents.get((table.url, table.document))
        if document is not None and table.box is not None:
            document.tables.setdefault(str(table.page), []).append(table.box)
    for document in documents.values():
        known = (sorted(document.pages), sorted(document.scans), sorted(document.tables.items()))
        document.key = digest_of(_VERSION, str(ocr), document.first.document, str(known))
    return list(documents.values())


def _unchanged(document: _Document, before: Sequence[Figure]) -> list[Figure]:
    """What was found last time in the same bytes, under this address or another."""
    by_url: defaultdict[str, list[Figure]] = defaultdict(list)
    for figure in before:
        by_url[figure.url].append(figure)
    for figures in by_url.values():
        if all(document.id_of(figure) == figure.id and _settled(figure) for figure in figures):
            return figures
    return []


def _settled(figure: Figure) -> bool:
    """Whether looking again finds the same; a picture's own problem is its captioner's."""
    return bool(figure.image) or not figure.problem or is_lasting(figure.problem)


def _moved(figure: Figure, document: _Document) -> Figure:
    """The same finding under the document's address and title of now."""
    first = document.first
    moved = replace(figure, source=first.source, url=first.url, title=first.title)
    return replace(moved, id=document.id_of(moved))


class _Finder:
    """Looks for pictures in documents, in a worker that starts when the first one is opened."""

    def __init__(self, blobs: Blobs, limits: Documents) -> None:
        self._blobs, self._ocr = blobs, limits.ocr == "auto"
        self._worker = DocumentWorker.within(limits)
        self._folder = TemporaryDirectory(prefix="rag-figures-")
        self._texts: dict[str, str] = {}

    def __enter__(self) -> "_Finder":
        return self

    def __exit__(self, *error: object) -> None:
        self._worker.__exit__(*error)
        self._folder.cleanup()

    def figures(self, document: _Document) -> list[Figure]:
        """The document's figures, or one row that says that there is none, or why."""
        found: list[dict[str, Any]] = []
        problems: list[tuple[int | None, str]] = []
        for page, answer in self._answers(document):
            if isinstance(answer, DocumentFailure):
                problems.append((page, str(answer)))
            else:
                found += answer["figures"]
                problems += [(int(number), said) for number, said in answer["failed"].items()]
        return _rows(document, [self._kept(one) for one in found], problems)

    def _answers(
        self, document: _Document
    ) -> Iterator[tuple[int | None, dict[str, Any] | DocumentFailure]]:
        suffix, task = _READERS[document.first.media_type]
        path = Path(self._folder.name, f"document{suffix}")
        try:
            path.write_bytes(self._blobs.get(document.first.document))
            for pages, arguments in _portions(document, suffix):
                yield pages, self._run(task, path, arguments)
        except FileNotFoundError:
            yield None, DocumentFailure("error", "its bytes are not in the blob store")
        finally:
            path.unlink(missing_ok=True)

    def _run(
        self, task: str, path: Path, arguments: Mapping[str, Any]
    ) -> dict[str, Any] | DocumentFailure:
        try:
            return self._worker.run(task, path, **arguments)
        except DocumentFailure as failure:
            return failure

    def _kept(self, one: dict[str, Any]) -> dict[str, Any]:
        png = b64decode(one["png"])
        image = self._blobs.put(png)
        read = self._read(png, image) if one["raster"] and not one["text"] else ""
        kept = {name: one[name] for name in ("page", "box", "caption", "text")}
        return {**kept, "image": image, "ocr": read}

    def _read(self, png: bytes, image: str) -> str:
        """The text in a picture; empty where it cannot be read, for the picture is still one."""
        if not self._ocr:
            return ""
        if image not in self._texts:
            path = Path(self._folder.name, "picture.png")
            path.write_bytes(png)
            try:
                lines = self._worker.run(_OCR, path)
                self._texts[image] = "\n".join(fold(line["text"]) for line in lines)
            except DocumentFailure:
                self._texts[image] = ""
        return self._texts[image]


def _portions(document: _Document, suffix: str) -> Iterator[tuple[int | None, dict[str, Any]]]:
    if suffix != ".pdf":
        yield None, {}
        return
    pages = sorted(document.pages)
    for start in range(0, len(pages), _PAGES_AT_ONCE):
        some = pages[start : start + _PAGES_AT_ONCE]
        tables = {str(page): document.tables.get(str(page), []) for page in some}
        scans = [page for page in some if page in document.scans]
        yield some[0], {"pages": some, "tables": tables, "scans": scans}


def _rows(
    document: _Document,
    found: Sequence[dict[str, Any]],
    problems: Sequence[tuple[int | None, str]],
) -> list[Figure]:
    kept = _without_furniture(found, len(document.pages))
    rows = [document.figure(position, **one) for position, one in enumerate(kept)]
    for page, problem in problems:
        rows.append(document.figure(len(rows), image="", page=page, problem=problem))
    return rows or [document.figure(0, image="")]


def _without_furniture(found: Sequence[dict[str, Any]], pages: int) -> list[dict[str, Any]]:
    """Without logos: what stands on at least three pages and on a quarter of them."""
    where: defaultdict[str, set[int | None]] = defaultdict(set)
    for one in found:
        where[one["image"]].add(one["page"])
    fewest = max(_REPEATED_ON, _REPEATED_SHARE * pages)
    return [one for one in found if len(where[one["image"]]) < fewest]
