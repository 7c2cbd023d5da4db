"""Plain text as elements: paragraphs, list items, and what the text itself sets as a heading.

A heading is underlined, in capitals, numbered in several levels or called a chapter. By the shape
of its words alone (Unstructured's rule) any short paragraph is one, and then nobody can quote it.
"""

import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from rag_pipelines.documents.blocks import BULLET, NUMBERED, joined, words_of
from rag_pipelines.documents.kinds import kind_of, numbered_depth
from rag_pipelines.documents.languages import language_in
from rag_pipelines.documents.raw import RawElement

_BLANK = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_ITEM = re.compile(r"[•‣◦▪●○■□*·-]\s+\S")
"""A bullet that no line of prose begins with, wherever it was broken."""
_UNDERLINE = re.compile(r"(=|-|~|\*|#|\+|\^)\1{2,}")
_LEVELS = "=-~^"
_CALLED = re.compile(
    r"(?:chapter|part|section|appendix|annex|kapitel|teil|abschnitt|anhang|chapitre|partie|annexe"
    r"|capítulo|parte|sección|capitolo|sezione)\s+(?:\d{1,3}|[IVXLC]{1,6}|[A-Z])\b[.:]?(?:\s|$)",
    re.IGNORECASE,
)
_SEVERAL_LEVELS = re.compile(r"\d{1,2}(?:\.\d{1,2})+\.?\s+[^\W\d_]")
_CENTRAL_EUROPEAN = frozenset({"bs", "cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"})
_LONGEST = 100
_ENDS = (".", ",", ";", "!", "?", ":", "。", "؟", "！", "？")  # noqa: RUF001 - these are meant


def text_of_file(path: Path) -> str:
    """The text in the encoding that its bytes tell.

    Bytes of western Europe are taken for central Europe's by Unstructured: the language decides.
    """
    from unstructured.file_utils.encoding import EncodingDetectionWarning, read_txt_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EncodingDetectionWarning)
        encoding, text = read_txt_file(filename=str(path))
    if encoding == "windows-1250" and language_in(text) not in _CENTRAL_EUROPEAN:
        return path.read_bytes().decode("cp1252", "replace")
    return text


def elements_of_text(text: str) -> Iterator[RawElement]:
    """The text's elements in order, without pages."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    words = words_of(text.split("\n"))
    for paragraph in _BLANK.split(text):
        lines = [line for line in paragraph.split("\n") if line.strip()]
        while lines:
            if heading := _heading(lines):
                taken, element = heading
                yield element
            else:
                taken = _length_of_block(lines)
                yield from _block(lines[:taken], words)
            lines = lines[taken:]


def _heading(lines: Sequence[str]) -> tuple[int, RawElement] | None:
    """How many of the lines make a heading, and the heading; the paragraph's first lines only."""
    text = " ".join(lines[0].split())
    if len(text) > _LONGEST or sum(map(str.isalpha, text)) < 3:
        return None
    rule = _UNDERLINE.fullmatch(lines[1].strip()) if len(lines) > 1 else None
    if rule and len(rule[0]) <= 2 * len(text):
        depth = max(0, _LEVELS.find(rule[1]))
        return 2, {"kind": "Title", "text": text, "depth": depth}
    if len(lines) > 1 or text.endswith(_ENDS) or BULLET.match(text):
        return None
    if _SEVERAL_LEVELS.match(text):
        return 1, {"kind": "Title", "text": text, "depth": numbered_depth(text) or 0}
    if text.isupper() or _CALLED.match(text):
        return 1, {"kind": "Title", "text": text, "depth": 0}
    return None


def _length_of_block(lines: Sequence[str]) -> int:
    """Up to the next heading that is underlined right below a paragraph."""
    for at, (line, below) in enumerate(pairwise(lines)):
        if at and _UNDERLINE.fullmatch(below.strip()) and not _UNDERLINE.fullmatch(line.strip()):
            return at
    return len(lines)


def _block(lines: Sequence[str], words: Collection[str]) -> Iterator[RawElement]:
    """A paragraph; or a list, whose items begin with a bullet or, in a list, with a number."""
    said, listed = "", bool(NUMBERED.match(lines[0].strip()))
    for line in lines:
        text = " ".join(line.split())
        if _UNDERLINE.fullmatch(text):
            continue
        listed = listed or bool(_ITEM.match(text)) or said.endswith(":")
        if said and listed and (_ITEM.match(text) or NUMBERED.match(text)):
            yield _element(said)
            said = text
        else:
            said = joined(said, text, words)
    if said:
        yield _element(said)


def _element(text: str) -> RawElement:
    kind, shown = kind_of(text)
    return {"kind": kind, "text": shown}
