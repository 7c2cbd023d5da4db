"""A source's documents as elements: what is new is parsed, what is not is taken over.

Knows which parser reads a file, and how elements are named and titled. The parsers themselves run
in the document worker; a file that they cannot read has a `problem`, and the others follow.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from pathlib import PurePosixPath
from typing import Any

from rag_pipelines.corpus.fingerprint import digest_of, fold
from rag_pipelines.documents.cloud import LlamaCloud
from rag_pipelines.documents.failures import is_lasting
from rag_pipelines.documents.languages import with_languages
from rag_pipelines.documents.parsing import NEVER_NOTE, Parsed, Parser
from rag_pipelines.documents.raw import RawElement
from rag_pipelines.documents.running import headings_above, with_running_marked
from rag_pipelines.records import DocumentFile, Element, Progress, no_progress
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs

VERSION = "3"
"""Moves when the same file would give other elements: those of another version are stale."""

_STAGE = "documents"
_AT_ONCE = 2
_NO_TITLE = re.compile(
    r"untitled.*|microsoft \w+ - .*|(?:slide|document|layout) ?\d*"
    r"|.*\.(?:docx?|pdf|indd|qxd|pptx?)",
    re.IGNORECASE,
)
_LONGEST_TITLE = 200
_TOLD = frozenset(RawElement.__annotations__)


@dataclass(frozen=True, slots=True)
class ReadDocuments:
    """The files with what became of them, and the elements of those that could be read.

    `parsed` counts the files that a parser was run on, those that it could not read as well.
    """

    files: list[DocumentFile]
    elements: list[Element]
    parsed: int


def read_elements(
    files: Sequence[DocumentFile],
    blobs: Blobs,
    previous: Sequence[Element] = (),
    settings: Documents | None = None,
    progress: Progress = no_progress,
    *,
    cloud: LlamaCloud | None = None,
    before: Sequence[DocumentFile] = (),
) -> ReadDocuments:
    """The elements of all files in their order, in reading order; same bytes are parsed once.

    A document of which `previous` holds elements of this version is not parsed again. Neither is
    one that `before`, the files of last time, tells to have failed in a way that lasts, unless
    version or limits changed; what a service may read yet is tried again. `settings` are those of
    a `documents:` source; without them its defaults hold.

    Raises:
        OSError: the machine's fault, not a file's: a full disk, no more open files.
    """
    limits = settings or Documents(paths=("*",))
    files = list(_refused_again(files, before, limits))
    known = _known(previous, limits)
    wanted = {
        file.document: file for file in files if not file.problem and file.document not in known
    }
    parsed = _parse(list(wanted.values()), blobs, limits, cloud, progress)
    read: list[DocumentFile] = []
    elements: list[Element] = []
    for file in files:
        found = _elements(file, known.get(file.document), parsed.get(file.document))
        elements += found
        read.append(_told(file, found, parsed.get(file.document), limits))
    return ReadDocuments(read, elements, len(wanted))


def _parse(
    files: Sequence[DocumentFile],
    blobs: Blobs,
    limits: Documents,
    cloud: LlamaCloud | None,
    progress: Progress,
) -> dict[str, Parsed]:
    """What each file's bytes hold, by digest. Two processes parse at a time."""
    if not files:
        return {}
    workers = min(_AT_ONCE, cpu_count() or 1, len(files))
    parsed: dict[str, Parsed] = {}
    with Parser(blobs, limits, cloud, workers) as parser, ThreadPoolExecutor(workers) as threads:
        parser.tell_cost(files, progress)
        tasks = [threads.submit(parser.parse, file) for file in files]
        try:
            for number, (file, task) in enumerate(zip(files, tasks, strict=True)):
                progress(_STAGE, number, len(files))
                parsed[file.document] = task.result()
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    progress(_STAGE, len(files), len(files))
    return parsed


def _refused_again(
    files: Sequence[DocumentFile], before: Sequence[DocumentFile], limits: Documents
) -> Iterator[DocumentFile]:
    """The files, those with their problem that would meet it again."""
    refused = {(old.document, old.refused_by): old.problem for old in before if old.refused_by}
    for file in files:
        reader = _reader(file, limits)
        problem = refused.get((file.document, reader))
        if file.problem or problem is None:
            yield file
        else:
            yield replace(file, problem=problem, refused_by=reader)


def _reader(file: DocumentFile, limits: Documents) -> str:
    """Names what would read the file here; empty where a service may do better next time."""
    if limits.parser != "local":
        return ""
    return digest_of(VERSION, file.media_type, limits.budget)


def _known(previous: Sequence[Element], limits: Documents) -> dict[str, list[Element]]:
    """Elements by document that are what parsing would give again."""
    places = defaultdict[tuple[str, str], list[Element]](list)
    for element in previous:
        places[element.url, element.document].append(element)
    known: dict[str, list[Element]] = {}
    for (_, document), elements in places.items():
        if _is_current(elements, limits):
            known.setdefault(document, elements)
    return known


def _is_current(elements: Sequence[Element], limits: Documents) -> bool:
    in_cloud = any(element.extractor == "llama_parse" for element in elements)
    if in_cloud != (limits.parser == "llama_parse"):
        return False
    if limits.ocr == "auto" and any(NEVER_NOTE in element.note for element in elements):
        return False
    pages = sum(element.kind == "PageBreak" for element in elements)
    return pages <= limits.max_pages and all(element.id == _id(element) for element in elements)


def _id(element: Element) -> str:
    return digest_of(
        VERSION,
        element.source,
        element.url,
        element.document,
        str(element.position),
        element.kind,
        element.text,
        element.html,
    )


def _elements(
    file: DocumentFile, known: Sequence[Element] | None, parsed: Parsed | None
) -> list[Element]:
    if file.problem:
        return []
    if known is not None:
        return list(_moved(file, known))
    return [] if parsed is None or parsed.problem else list(_named(file, parsed))


def _named(file: DocumentFile, parsed: Parsed) -> Iterator[Element]:
    """Elements with ids, headings above them and the document's title."""
    raw = with_languages(with_running_marked(parsed.elements))
    title = _title(file, parsed.title, raw)
    parents = list(headings_above(raw))
    named: list[Element] = []
    for position, element in enumerate(raw):
        at = parents[position]
        made = Element(
            id="",
            source=file.source,
            document=file.document,
            url=file.url,
            title=title,
            media_type=file.media_type,
            position=position,
            parent=named[at].id if at is not None else "",
            **_values(element),
        )
        named.append(replace(made, id=_id(made)))
    yield from named


def _values(raw: RawElement) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name in _TOLD}


def _moved(file: DocumentFile, known: Sequence[Element]) -> Iterator[Element]:
    """Elements of the same bytes under this file's address."""
    first = known[0]
    if (first.source, first.url) == (file.source, file.url):
        yield from known
        return
    named_before = first.title == _stem(first.url)
    title = _stem(file.url) if named_before else first.title
    ids: dict[str, str] = {}
    for element in known:
        moved = replace(element, source=file.source, url=file.url, title=title)
        ids[element.id] = _id(moved)
        yield replace(moved, id=ids[element.id], parent=ids.get(element.parent, ""))


def _title(file: DocumentFile, told: str, elements: Sequence[RawElement]) -> str:
    """The file's own title, else its first heading of the top level, else its name."""
    told = fold(told)
    if sum(map(str.isalpha, told)) >= 3 and not _NO_TITLE.fullmatch(told):
        return told[:_LONGEST_TITLE]
    early = [element for element in elements if (element.get("page") or 1) <= 2]
    headings = [element for element in early if element.get("kind") == "Title"]
    top = min((element.get("depth") or 0 for element in headings), default=0)
    first = (element.get("text", "") for element in headings if (element.get("depth") or 0) == top)
    return fold(next(first, ""))[:_LONGEST_TITLE] or _stem(file.url)


def _stem(url: str) -> str:
    name = url.partition("?")[0].partition("#")[0].removeprefix("file:")
    return fold(re.sub(r"[-_]+", " ", PurePosixPath(name).stem)) or url


def _told(
    file: DocumentFile, elements: Sequence[Element], parsed: Parsed | None, limits: Documents
) -> DocumentFile:
    if file.problem:
        return file
    if parsed is not None and parsed.problem:
        refused_by = _reader(file, limits) if is_lasting(parsed.problem) else ""
        return replace(file, problem=parsed.problem, refused_by=refused_by, seconds=parsed.seconds)
    in_cloud = any(element.extractor == "llama_parse" for element in elements)
    return replace(
        file,
        pages=sum(element.kind == "PageBreak" for element in elements),
        title=elements[0].title if elements else "",
        parser="llama_parse" if in_cloud else "local",
        seconds=parsed.seconds if parsed else 0.0,
    )
