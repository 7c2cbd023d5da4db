"""Where sentences begin and end in Markdown: prose, list items, table rows, blocks of code.

Spans only, so that what is quoted stands verbatim in the text. Does not judge what a sentence
says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a sentence is made of."""

    PROSE = "prose"
    ITEM = "item"
    ROW = "row"
    CODE = "code"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text[start:end]` without list marks, heading marks and surrounding space.

    Code keeps its first line's indentation.
    """

    start: int
    end: int
    kind: Kind


_LINE = re.compile(r"[^\n]+")
FENCE = r"(?:```|~~~)"
"""A pattern of what begins and ends a block of code."""
_FENCE = re.compile(rf"\s*{FENCE}")
_CLOSING_FENCE = re.compile(rf"\s*{FENCE}[`~]*")
_OPENING_FENCE = re.compile(rf"{FENCE}[ \t]*([\w+#-]{{0,20}})[ \t]*\n\s*\Z")
_FENCE_LINE = re.compile(rf"^[ \t]*{FENCE}[ \t]*(.*)$", re.MULTILINE)
_TEXT_LINE = re.compile(r"\S[ \t]*\n\Z")
_FAR = re.compile(r"[ \t]*\n[ \t]*\n|\s*\Z")
_BLANK_LINES, _SPACE = re.compile(r"(?:\s*\n)?"), re.compile(r"\s*")
_BACKTICKS = re.compile(r"`{3,}")
_RULE = re.compile(r"\s*([-*_=]\s*){3,}$|[\s|:+-]+$")
_BELOW_HEADER = re.compile(r"\s*\|?\s*:?-+[\s|:-]*$")
_HEADING = re.compile(r"\s*#{1,6}\s+")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_QUOTED = re.compile(r"\s*(?:>\s*)+")
_ROW = re.compile(r"\s*\|.*\|\s*$")

_CLOSING = r"\"'\u201d\u2019)\]*_`"
_END = re.compile(
    rf"[.!?\u2026]+[{_CLOSING}]*(?=\s+[^\sa-z]|\s*\Z)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d\u2019\uff09]*"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“*_])(?:[A-Za-z]|[A-Za-z](?:\.[A-Za-z])+|mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|cf|al|"
    r"fig|figs|eq|eqs|no|nos|vol|ed|eds|pp|ch|sec|approx|inc|ltd|co|corp|dept|est|gen|gov|sen|rep|"
    r"jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)\.$",
    re.IGNORECASE,
)


def sentences(text: str, cut: bool = False) -> list[Sentence]:
    """The sentences of a Markdown text, in order. Rules, fences and blank lines are none.

    `cut` says that the text was cut out of a longer one, and may begin within a block of code.
    """
    return [
        sentence
        for start, end, kind in _blocks(text, cut and _begins_in_code(text))
        for sentence in _within(text, start, end, kind)
    ]


def _begins_in_code(text: str) -> bool:
    """Whether the first fence ends a block: right below a line, with a blank line or nothing next.

    Of 2,839 passages of PostgreSQL's manual that have a fence, it is right about every one.
    """
    first = _FENCE_LINE.search(text)
    if first is None or first[1]:
        return False
    return bool(_TEXT_LINE.search(text, 0, first.start()) and _FAR.match(text, first.end()))


def _blocks(text: str, fenced: bool) -> Iterator[tuple[int, int, Kind]]:
    """Runs of lines that belong together."""
    pending: tuple[int, int, Kind] | None = None
    last = 0
    for line in _LINE.finditer(text):
        start, kind = _classified(line.group(), line.start(), fenced)
        gap = text.count("\n", last, line.start()) > 1
        last = line.end()
        if _BELOW_HEADER.match(line.group()) and pending is not None and pending[2] is Kind.ROW:
            pending = (pending[0], pending[1], Kind.HEADING)
        if _FENCE.match(line.group()):
            fenced, kind = not fenced, None
        if pending is not None and _joins(pending[2], kind, gap):
            pending = (pending[0], line.end(), pending[2])
            continue
        if pending is not None:
            yield pending
        pending = None if kind is None else (start, line.end(), kind)
    if pending is not None:
        yield pending


_WRAPPED = (Kind.PROSE, Kind.ITEM)
"""Blocks that a plain line continues."""


def _joins(before: Kind, kind: Kind | None, gap: bool) -> bool:
    """Whether a line continues the block before. Between two blocks of code stands a fence."""
    if kind is Kind.CODE:
        return before is Kind.CODE
    return kind is Kind.PROSE and not gap and before in _WRAPPED


def through_fence(text: str, sentence: Sentence) -> int:
    """Where a sentence ends with the fence that closes it, if it is code."""
    fence = _CLOSING_FENCE.match(text, sentence.end) if sentence.kind is Kind.CODE else None
    return fence.end() if fence else sentence.end


def block_of_code(code: str, language: str = "") -> str:
    """Code between fences that nothing in it closes."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def language_of(text: str, start: int) -> str:
    """What the fence before a block of code says that it is, if it is one word."""
    fence = _OPENING_FENCE.search(text, 0, start)
    return fence[1] if fence else ""


def _classified(line: str, start: int, fenced: bool) -> tuple[int, Kind | None]:
    """Where a line's own text starts, and what it is; None for what says nothing."""
    if fenced:
        return start, Kind.CODE
    if _RULE.match(line):
        return start, None
    if _ROW.match(line):
        return start, Kind.ROW
    for pattern, kind in ((_HEADING, Kind.HEADING), (_ITEM, Kind.ITEM), (_QUOTED, Kind.PROSE)):
        if mark := pattern.match(line):
            return start + mark.end(), kind
    return start, Kind.PROSE


def _within(text: str, start: int, end: int, kind: Kind) -> Iterator[Sentence]:
    if kind in _WRAPPED:
        for mark in _END.finditer(text, start, end):
            if mark.start() > start and not _ABBREVIATION.search(text, start, mark.start() + 1):
                yield from _trimmed(text, start, mark.end(), kind)
                start = mark.end()
    yield from _trimmed(text, start, end, kind)


def _trimmed(text: str, start: int, end: int, kind: Kind) -> Iterator[Sentence]:
    inner = text[start:end]
    space = _BLANK_LINES.match(inner) if kind is Kind.CODE else _SPACE.match(inner)
    begin = start + (space.end() if space else 0)
    finish = end - (len(inner) - len(inner.rstrip()))
    if begin < finish:
        yield Sentence(begin, finish, kind)


# What a front end that renders Markdown would load or lead to: pages are anybody's. A link or a tag
# may begin in one sentence and end in the next, and a definition may serve another one's mark.
_LOADING = (
    "audio|base|button|embed|form|iframe|img|input|link|math|meta|object|script|style|svg|video"
)
_TAG = (
    r"<(?:a[\s/][^<>]*|[a-z][\w-]*[\s/][^<>]*=[^<>]*)(?:>|\Z)|</a\s*>"
    rf"|</?(?:{_LOADING})(?:[\s/][^<>]*)?(?:>|\Z)"
)
_ADDRESS = r"<((?:[a-z][a-z0-9+.-]*://|mailto:|tel:|data:|javascript:)[^<>\s]*|[^<>\s@]+@[^<>\s]+)>"
_MARKUP = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\]\([^)]*(?:\)|\Z)"), "]"),
    (re.compile(r"^(\s*)\[([^\]]+)\]:"), r"\1\2:"),
    (re.compile(_ADDRESS, re.IGNORECASE), r"\1"),
    (re.compile(_TAG, re.IGNORECASE), ""),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"\s*\|\s*"), " | "),
)
_MAY_BE_MARKUP = re.compile(r"[\[\]<*|]|__")


def plain(sentence: str) -> str:
    """A sentence as it is read: emphasis, links, what loads, and a row's outer bars gone.

    White space is folded. Sentences that are put together again make no link and load nothing.
    """
    for pattern, replacement in _MARKUP if _MAY_BE_MARKUP.search(sentence) else ():
        sentence = pattern.sub(replacement, sentence)
    return " ".join(sentence.split()).strip("| ")
