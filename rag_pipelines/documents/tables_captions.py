"""What a page prints about a table: the line that numbers it, or else the one above it."""

import re
from collections.abc import Sequence
from itertools import pairwise

from rag_pipelines.documents.tables_page import Box, Word
from rag_pipelines.documents.tables_text import line_text, lines_of

_NUMBERED = re.compile(
    r"(?:table|tableau|tabelle|tabla|tabela|tabella|tab\.|tabel|taulukko|exhibit|annex table|box)"
    r"\s*(?:n[o°]\.?\s*)?[A-Z]{0,3}[.\-]?\s?\d+|(?:table|tableau|tabelle)\s+[IVXLC]+\b",
    re.IGNORECASE,
)
_NOTE = re.compile(
    r"(?:notes?|sources?|n\.?b|quellen?|anm|fuentes?|bron|k\u00e4lla)\b\s*[:.\-\u2013]"
    r"|[*\u2020\u2021\u00b9\u00b2\u00b3]|\(?\d\)\s|\(?[:.*\-]+\)\s",
    re.IGNORECASE,
)
_FAR = 60.0
_NEAR = 26.0
_LONGEST = 24
"""Words beyond which a line is no caption."""


def caption_of(box: Box, words: Sequence[Word], others: Sequence[Box] = ()) -> str:
    """The caption of the table in `box`; empty where nothing near reads like one.

    A numbered caption up to 60 points above, else directly below, with the lines that continue
    it; else a short line directly above. Lines inside `others`, the page's other tables, are not
    looked at.
    """
    near = [word for word in words if _beside(word, box) and not _in_any(word, [box, *others])]
    above = lines_of(word for word in near if box[1] - _FAR <= word.y < box[1])
    below = lines_of(word for word in near if box[3] < word.y <= box[3] + _FAR)
    for start in range(len(above) - 1, -1, -1):
        if _NUMBERED.match(line_text(above[start])):
            return _wrapped(above[start:])
    if below and _NUMBERED.match(line_text(below[0])):
        return _wrapped(below[:2])
    if not above or box[1] - above[-1][0].bottom > _NEAR:
        return ""
    last = line_text(above[-1])
    return last if _reads_as_title(last) else ""


def is_numbered(caption: str) -> bool:
    """Whether the caption calls what it belongs to a table and numbers it."""
    return bool(_NUMBERED.match(caption))


def is_note(text: str) -> bool:
    """Whether a line below a table explains it: a source, a note, what a sign stands for."""
    return bool(_NOTE.match(text))


def _beside(word: Word, box: Box) -> bool:
    return box[0] - 40 <= word.x <= box[2] + 40


def _in_any(word: Word, boxes: Sequence[Box]) -> bool:
    return any(b[0] <= word.x <= b[2] and b[1] <= word.y <= b[3] for b in boxes)


def _wrapped(lines: Sequence[Sequence[Word]]) -> str:
    """The first line, and those set right below it in about its size."""
    kept = [lines[0]]
    for before, line in pairwise(lines):
        height = max(word.height for word in before)
        if line[0].y - before[0].y > 1.6 * height or len(kept) == 3:
            break
        kept.append(line)
    return " ".join(line_text(line) for line in kept)


def _reads_as_title(text: str) -> bool:
    words = text.split()
    return 1 < len(words) <= _LONGEST and text[0].isupper() and not text.endswith((".", ",", ";"))
