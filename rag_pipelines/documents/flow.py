"""A document's elements as one running text in Markdown, and which element stands where.

Leaves out what is no text of the document's own: running headers and footers, page breaks, and
what a table or a figure says already. Does not cut.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rag_pipelines.records import Element

FURNITURE = frozenset({"Header", "Footer", "PageBreak", "PageNumber"})
"""Kinds of elements that say nothing of the document's own."""
_LONGEST_HEADING = 200
_LEVEL = 2
"""Level of a heading whose depth nobody told."""
_READS_AS_BLOCK = re.compile(r"^(?=(?:#{1,6}\s|`{3,}|~{3,}|\|))", re.MULTILINE)
_BULLET = re.compile(r"^[-*+\u2022\u2023\u25e6\u25aa\u25cf\u2013\u00b7]\s+")
_NUMBERED = re.compile(r"\d{1,9}[.)]\s")
_BACKTICKS = re.compile("`+")


@dataclass(slots=True)
class Flow:
    """`text`, and the elements in it with where each begins and ends, in order.

    `breaks` are the offsets at which a page begins.
    """

    text: str = ""
    elements: list[Element] = field(default_factory=list[Element])
    starts: list[int] = field(default_factory=list[int])
    ends: list[int] = field(default_factory=list[int])
    breaks: list[int] = field(default_factory=list[int])

    def between(self, start: int, end: int) -> list[Element]:
        """The elements of which something stands in `text[start:end]`."""
        return self.elements[bisect_right(self.ends, start) : bisect_left(self.starts, end)]

    def cut_at(self, page_break: int) -> int:
        """Where to cut at a break: before the headings that stand right above it."""
        at = bisect_left(self.starts, page_break)
        while at and is_heading(self.elements[at - 1]):
            at -= 1
        return self.starts[at]


def flow_of(elements: Sequence[Element], left_out: Collection[str] = ()) -> Flow:
    """The text of one document's elements in their order, but for the ids in `left_out`."""
    flow, pieces, length = Flow(), list[str](), 0
    before: Element | None = None
    for element in elements:
        written = "" if element.id in left_out else written_as(element)
        if not written:
            continue
        gap = _gap(before, element)
        length += len(gap)
        if before is not None and element.page != before.page:
            flow.breaks.append(length)
        flow.elements.append(element)
        flow.starts.append(length)
        length += len(written)
        flow.ends.append(length)
        pieces += [gap, written]
        before = element
    flow.text = "".join(pieces)
    return flow


def _gap(before: Element | None, element: Element) -> str:
    if before is None:
        return ""
    return "\n" if before.kind == element.kind == "ListItem" else "\n\n"


def written_as(element: Element) -> str:
    """An element in Markdown; nothing for what is left out of the running text."""
    text = "\n".join(" ".join(line.split()) for line in element.text.splitlines() if line.strip())
    if not text or element.kind in FURNITURE:
        return ""
    if is_heading(element):
        return f"{'#' * level_of(element)} {heading_of(element)}"
    if element.kind == "CodeSnippet":
        return _fenced(element.text.strip("\n"))
    if element.kind == "ListItem":
        item = " ".join(text.split())
        return item if _NUMBERED.match(item) else f"- {_BULLET.sub('', item)}"
    return _READS_AS_BLOCK.sub(r"\\", text)


def is_heading(element: Element) -> bool:
    """Whether what follows stands under it; a title of several hundred characters is none."""
    return element.kind == "Title" and 0 < len(heading_of(element)) <= _LONGEST_HEADING


def heading_of(element: Element) -> str:
    """A heading's text as it stands in a path of headings."""
    return " ".join(element.text.split())


def level_of(element: Element) -> int:
    """A heading's level in Markdown, 1 to 6."""
    return _LEVEL if element.depth is None else min(6, max(1, element.depth + 1))


def paths_of(elements: Sequence[Element]) -> Iterator[tuple[str, ...]]:
    """The headings above each element, outermost first; a heading's own path ends with itself."""
    above: list[tuple[int, str]] = []
    for element in elements:
        if is_heading(element):
            level = level_of(element)
            above = [(own, name) for own, name in above if own < level]
            above.append((level, heading_of(element)))
        yield tuple(name for _, name in above)


def bare_headings(
    elements: Sequence[Element], told: Collection[str], places: Collection[int]
) -> Iterator[str]:
    """Ids of the headings under which only a table or a figure stands, which repeats them.

    `told` are ids of elements that those tell, `places` the indices that they stand before.
    """
    for at, element in enumerate(elements):
        if not is_heading(element):
            continue
        end = at + 1
        while end < len(elements) and not _closes(elements[end], element):
            end += 1
        below = elements[at + 1 : end]
        text = any(written_as(e) and e.id not in told and not is_heading(e) for e in below)
        if not text and any(at < place <= end for place in places):
            yield element.id


def _closes(element: Element, heading: Element) -> bool:
    return is_heading(element) and level_of(element) <= level_of(heading)


def language_of(elements: Sequence[Element], others: Mapping[str, int]) -> str:
    """The language that most of the elements' text is in, else the most common of `others`."""
    counts: dict[str, int] = {}
    for element in elements:
        if element.language:
            counts[element.language] = counts.get(element.language, 0) + len(element.text)
    counts = counts or dict(others)
    return max(sorted(counts), key=counts.__getitem__, default="")


def _fenced(code: str) -> str:
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{code}\n{fence}"
