"""What a file calls itself, in its own metadata. Runs in the worker."""

import re
import zipfile
from collections.abc import Callable
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

from rag_pipelines.documents import file_types
from rag_pipelines.documents.rewriting import FRONT_MATTER

_HEAD = re.compile(rb"<title[^>]*>([^<]{1,300})</title>", re.IGNORECASE)
_CORE = re.compile(rb"<dc:title[^>]*>([^<]{1,300})</dc:title>")
_LINE = re.compile(r"^title:[ \t]*([\"']?)(.{1,300}?)\1[ \t]*$", re.M | re.I)
_METADATA = re.compile(r"docProps/core\.xml|meta\.xml|(?:.*/)?[^/]+\.opf")
_LONGEST = 300
_READ = 200_000


def title_of(path: Path, media_type: str) -> str:
    """The title on one line; empty where the file does not tell one."""
    read = _READERS.get(media_type)
    return " ".join(read(path).split())[:_LONGEST] if read else ""


def _in_archive(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        for name in filter(_METADATA.fullmatch, archive.namelist()):
            with archive.open(name) as part:
                return _first(_CORE, part.read(_READ))
    return ""


def _html(path: Path) -> str:
    return _first(_HEAD, path.read_bytes()[:_READ])


def _first(pattern: re.Pattern[bytes], data: bytes) -> str:
    found = pattern.search(data)
    return unescape(found[1].decode("utf-8", "replace")) if found else ""


def _markdown(path: Path) -> str:
    front = FRONT_MATTER.match(path.read_bytes()[:_READ].decode("utf-8", "replace"))
    found = _LINE.search(front[0]) if front else None
    return found[2] if found else ""


def _subject(path: Path) -> str:
    return str(message_from_bytes(path.read_bytes(), policy=policy.default)["subject"] or "")


def _subject_of_msg(path: Path) -> str:
    from oxmsg import Message

    return Message.load(str(path)).subject


_READERS: dict[str, Callable[[Path], str]] = {
    file_types.DOCX: _in_archive,
    file_types.PPTX: _in_archive,
    file_types.XLSX: _in_archive,
    file_types.ODT: _in_archive,
    file_types.EPUB: _in_archive,
    file_types.HTML: _html,
    file_types.MARKDOWN: _markdown,
    file_types.EMAIL: _subject,
    file_types.MSG: _subject_of_msg,
}
