"""The files that a source holds now, their bytes in the blob store.

Knows globs of the disk and the crawl's ledger. Does not read a document: a file that cannot be had
is a `DocumentFile` with a `problem`, and the others follow.
"""

import errno
import glob
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.file_types import PDF, UNKNOWN, media_type_of
from rag_pipelines.records import DocumentFile, LedgerEntry, Outcome
from rag_pipelines.sources import Documents, Source
from rag_pipelines.storage.blobs import Blobs

_KEPT = (Outcome.FETCHED, Outcome.NOT_MODIFIED, Outcome.FAILED)
_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EROFS}


def files_of(
    name: str,
    source: Source,
    ledger: Sequence[LedgerEntry],
    blobs: Blobs,
    denied: Collection[str] = (),
) -> list[DocumentFile]:
    """What the source holds, in the order of the URLs; nothing of what is `denied`.

    Raises `OSError` where the machine fails: a full disk, no more open files.
    """
    if source.documents is not None:
        found = _on_disk(name, source.documents, blobs, frozenset(denied))
    else:
        found = _crawled(name, ledger, blobs)
    return sorted((file for file in found if file.url not in denied), key=lambda file: file.url)


def _crawled(name: str, ledger: Sequence[LedgerEntry], blobs: Blobs) -> Iterator[DocumentFile]:
    for entry in ledger:
        kind = entry.content_type.partition(";")[0].strip().lower()
        if kind != PDF or not entry.snapshot or entry.outcome not in _KEPT:
            continue
        file = _file(name, entry.url, entry.snapshot, PDF, entry.size)
        yield (
            file
            if blobs.has(entry.snapshot)
            else _refused(
                file, DocumentFailure("error", "its bytes are no longer in the store; refresh")
            )
        )


def _on_disk(
    name: str, documents: Documents, blobs: Blobs, denied: frozenset[str]
) -> Iterator[DocumentFile]:
    paths = {path: url for path in _matches(documents) if (url := _url(path, documents.base))}
    kept = [(url, path) for path, url in sorted(paths.items()) if url not in denied]
    for number, (url, path) in enumerate(sorted(kept)):
        if number >= documents.max_files:
            limit = f"more than max_files: {documents.max_files}"
            yield _refused(_file(name, url, "", UNKNOWN, 0), DocumentFailure("too large", limit))
        else:
            yield file_at(name, url, path, documents.max_file_bytes, blobs)


def _matches(documents: Documents) -> set[Path]:
    """Files that the globs name; a path without a wildcard counts though nothing be there."""
    found: set[Path] = set()
    for pattern in documents.paths:
        if glob.has_magic(pattern):
            whole = Path(glob.escape(str(documents.base.absolute()))) / pattern
            matches = glob.glob(str(whole), recursive=True)  # noqa: PTH207 - patterns may be absolute
        else:
            matches = [documents.base.absolute() / pattern]
        found |= {Path(os.path.normpath(match)) for match in matches}
    return {path for path in found if not path.is_dir()}


def _url(path: Path, base: Path) -> str:
    return "file:" + Path(os.path.relpath(path, base.absolute())).as_posix()


def file_at(name: str, url: str, path: Path, limit: int, blobs: Blobs) -> DocumentFile:
    """The file at `path`, its bytes put into `blobs` unless there are more than `limit`.

    Raises `OSError` where the machine fails.
    """
    file = _file(name, url, "", UNKNOWN, 0)
    try:
        data = _read(path, limit)
    except DocumentFailure as failure:
        return _refused(file, failure)
    except OSError as error:
        if error.errno in _MACHINE:
            raise
        told = f"it cannot be read ({error.strerror or type(error).__name__})"
        return _refused(file, DocumentFailure("error", told))
    media_type = media_type_of(data, path.name)
    if not data:
        empty = _file(name, url, sha256(b"").hexdigest(), media_type, 0)
        return _refused(empty, DocumentFailure("empty", "the file has no bytes"))
    return _file(name, url, blobs.put(data), media_type, len(data))


def _read(path: Path, limit: int) -> bytes:
    """The bytes of a regular file; a pipe or a device would never end."""
    if path.exists() and not path.is_file():
        raise DocumentFailure("type", "it is no regular file")
    if (size := path.stat().st_size) > limit:
        raise DocumentFailure("too large", f"{size} bytes; at most {limit} are read")
    return path.read_bytes()


def _file(name: str, url: str, document: str, media_type: str, size: int) -> DocumentFile:
    return DocumentFile(
        source=name,
        url=url,
        document=document,
        name=url.partition("?")[0].rstrip("/").rsplit("/", 1)[-1].removeprefix("file:") or url,
        media_type=media_type,
        size=size,
    )


def _refused(file: DocumentFile, failure: DocumentFailure) -> DocumentFile:
    return replace(file, problem=str(failure))
