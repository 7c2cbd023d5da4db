"""What a file is, by its content; its name only decides between kinds of text.

Knows signatures and what lies in an archive. Reads no document.
"""

import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from rag_pipelines.documents.failures import DocumentFailure

PDF: Final = "application/pdf"
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
DOCX: Final = f"{_OFFICE}.wordprocessingml.document"
PPTX: Final = f"{_OFFICE}.presentationml.presentation"
XLSX: Final = f"{_OFFICE}.spreadsheetml.sheet"
ODT: Final = "application/vnd.oasis.opendocument.text"
EPUB: Final = "application/epub+zip"
MSG: Final = "application/vnd.ms-outlook"
RTF: Final = "application/rtf"
HTML: Final = "text/html"
MARKDOWN: Final = "text/markdown"
EMAIL: Final = "message/rfc822"
CSV: Final = "text/csv"
TEXT: Final = "text/plain"

READABLE: Final = frozenset(
    (PDF, DOCX, PPTX, XLSX, ODT, EPUB, MSG, RTF, HTML, MARKDOWN, EMAIL, CSV, TEXT)
)
UNKNOWN: Final = "application/octet-stream"

_SIGNATURES: Final = (
    (b"{\\rtf", RTF),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"7z\xbc\xaf", "application/x-7z-compressed"),
    (b"Rar!", "application/vnd.rar"),
    (b"\x7fELF", "application/x-executable"),
)
_PARTS: Final = (("word/", DOCX), ("ppt/", PPTX), ("xl/", XLSX))
_BY_NAME: Final = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".eml": EMAIL,
    ".csv": CSV,
}
_HTML = re.compile(rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head)", re.I)
_MAIL = re.compile(
    rb"^(?:From |(?:Received|Return-Path|Message-ID|MIME-Version|From|Date): )", re.I
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF_WITHIN = 1024
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x0b\x1b\b"))
MOST_UNPACKED: Final = 512 << 20
_MOST_MEMBERS: Final = 20_000


def media_type_of(data: bytes, name: str = "") -> str:
    """The media type; `application/octet-stream` for what nobody here knows."""
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return PDF
    if data.startswith(b"PK\x03\x04"):
        return _of_archive(data)
    if data.startswith(_OLE):
        return _of_compound(data)
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    return _of_text(data, name)


def _of_text(data: bytes, name: str) -> str:
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    if not wide and data[:65_536].translate(None, _CONTROLS) != data[:65_536]:
        return UNKNOWN
    if _HTML.match(data[:4096]):
        return HTML
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _BY_NAME:
        return _BY_NAME[suffix]
    return EMAIL if _MAIL.match(data[:4096]) and b"\nSubject:" in data[:65_536] else TEXT


def _of_archive(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "mimetype" in names:
                with archive.open("mimetype") as told:
                    said = told.read(100).decode("ascii", "replace").strip()
                return said if said in (ODT, EPUB) else "application/zip"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        return "application/zip"
    if "[Content_Types].xml" not in names:
        return "application/zip"
    return next((kind for part, kind in _PARTS if _has(names, part)), "application/zip")


def _has(names: Iterable[str], part: str) -> bool:
    return any(name.startswith(part) for name in names)


def _of_compound(data: bytes) -> str:
    """An Outlook message, an encrypted office file, or one of the formats before 2007."""
    if "__properties_version1.0".encode("utf-16-le") in data:
        return MSG
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "application/x-encrypted-office"
    return "application/x-ole-storage"


def refuse_bomb(data: bytes) -> None:
    """Raise `DocumentFailure` for an archive whose parts would fill the memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError) as error:
        raise DocumentFailure("damaged", f"the archive cannot be opened ({error})") from None
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED or len(members) > _MOST_MEMBERS:
        told = f"{len(members)} parts of {unpacked >> 20} MiB unpacked"
        limit = f"at most {_MOST_MEMBERS} of {MOST_UNPACKED >> 20} MiB are read"
        raise DocumentFailure("too large", f"{told}; {limit}")
    if any(member.flag_bits & 1 for member in members):
        raise DocumentFailure("encrypted", "parts of the file are encrypted")
