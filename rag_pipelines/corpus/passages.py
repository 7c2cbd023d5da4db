"""Where a Markdown text may be cut: its headings, paragraphs, items, code and tables as spans.

Knows Markdown's blocks and where sentences end. Does not know tokens, budgets or chunks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_FENCE = re.compile(r"(`{3,}|~{3,})")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?=\s)")
_RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+\s*")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n\s*")
_SENTENCE = re.compile(
    r"(?<=[.!?\u2026:;])\s+|(?<=[.!?\u2026][\"'\u201d\u2019)\]])\s+|(?<=[\u3002\uff01\uff1f\uff1b])"
)
_WORD = re.compile(r"\s+")
_MARK = re.compile(r"(?<=\W)(?=\w)|(?<=\w)(?=\W)|(?<=\W)(?=\W)")
_CUTS = {
    "code": (_BLANK_LINE, _LINE, _WORD, _MARK),
    "table": (_LINE, _SENTENCE, _WORD, _MARK),
}
_PROSE_CUTS = (_LINE, _SENTENCE, _WORD, _MARK)


@dataclass(frozen=True, slots=True)
class Part:
    """A span of the text that should stay whole, under its path of headings.

    A heading's own path ends with itself. `lead` is a cut table's header, for rows without it.
    """

    start: int
    end: int
    kind: str
    path: tuple[str, ...]
    lead: str = ""


def parts_of(text: str) -> list[Part]:
    """The blocks of a Markdown text in order; between two there is only white space."""
    above: list[tuple[int, str]] = []
    parts: list[Part] = []
    for start, end, kind in _blocks(text):
        if kind == "heading":
            found = _HEADING.match(text, start, end)
            level, name = (len(found[1]), " ".join(found[2].split())) if found else (6, "")
            above = [heading for heading in above if heading[0] < level]
            above.append((level, name))
        parts.append(Part(start, end, kind, tuple(name for _, name in above)))
    return parts


def level_of(text: str, part: Part) -> int:
    """A heading's level, 1 to 6."""
    found = _HEADING.match(text, part.start, part.end)
    return len(found[1]) if found else 6


def finer(text: str, part: Part, depth: int) -> list[Part] | None:
    """The part cut at the next finer kind of boundary; none where there is no finer kind."""
    cuts = _CUTS.get(part.kind, _PROSE_CUTS)
    if depth >= len(cuts):
        return None
    lead = part.lead or (_table_header(text, part) if part.kind == "table" else "")
    pieces: list[Part] = []
    start = part.start
    for found in cuts[depth].finditer(text, part.start, part.end):
        if start < found.start() < part.end and found.end() < part.end:
            pieces.append(replace(part, start=start, end=found.start()))
            start = found.end()
    pieces.append(replace(part, start=start))
    return [pieces[0], *(replace(piece, lead=lead) for piece in pieces[1:])]


def _blocks(text: str) -> Iterator[tuple[int, int, str]]:
    start, end, kind, fence = 0, 0, "", ""
    for first, last in _lines(text):
        line = text[first:last]
        here = "code" if fence else _kind(line)
        if fence and line.startswith(fence) and not line.strip(fence[0]):
            yield start, last, "code"
            kind = fence = ""
            continue
        if not fence and _begins(here, kind):
            if kind:
                yield start, end, kind
            start, kind = first, here
            found = _FENCE.match(line)
            fence = found[1] if found else ""
        end = last if line else end
    if kind:
        yield start, end, kind


def _begins(here: str, before: str) -> bool:
    """Whether a line of one kind begins a block after a line of another."""
    if here in ("", "heading", "item", "code") or before in ("", "heading"):
        return True
    return here != before and (here, before) != ("paragraph", "item")


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the lines without the white space at their ends."""
    start = 0
    for line in text.split("\n"):
        bare = line.strip()
        first = start + line.index(bare)
        yield first, first + len(bare)
        start += len(line) + 1


def _kind(line: str) -> str:
    if not line:
        return ""
    if _HEADING.match(line):
        return "heading"
    if _FENCE.match(line):
        return "code"
    if line.startswith("|"):
        return "table"
    return "item" if _ITEM.match(line) else "paragraph"


def _table_header(text: str, part: Part) -> str:
    lines = text[part.start : part.end].split("\n", 2)
    if len(lines) < 3 or not _RULE.fullmatch(lines[1].strip()):
        return ""
    return " ".join(lines[0].strip().strip("|").split())
