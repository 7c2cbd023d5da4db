"""What each block of a PDF is: heading, list item, caption, paragraph.

A heading is set larger or heavier than the document's body, or named in its outline; by shape
of the words alone (Unstructured's rule) nine of ten would be none. Lists, addresses and e-mail
addresses are told by patterns of our own.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.blocks import (
    BROKEN,
    BULLET,
    LABEL,
    NUMBERED,
    Block,
    all_heavy,
    text_of,
)
from rag_pipelines.documents.lines import Line
from rag_pipelines.documents.raw import RawElement

_CAPTION = re.compile(rf"(?:{LABEL.pattern})(?=\W|$)", re.IGNORECASE)
_SECTION = re.compile(r"^(?:[A-Z]|\d{1,2}|[IVX]{1,5})(?:\.\d{1,2}){0,4}\.?\s+(?=\S)")
_DEEPER = re.compile(r"^\d{1,2}(?:\.\d{1,2})*")
_LARGER = 1.1
_HEAVIER = 150
_LONGEST = 180
_MOST_LINES = 4


@dataclass(frozen=True, slots=True)
class Body:
    """How most of a document's text is set."""

    size: float
    weight: int

    @classmethod
    def of(cls, lines: Sequence[Line]) -> "Body":
        """The size and the weight that most letters have."""
        sizes, weights = Counter[float](), Counter[int]()
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
            weights[line.weight] += len(line.text)
        if not sizes:
            return cls(12.0, 400)
        return cls(sizes.most_common(1)[0][0], weights.most_common(1)[0][0])

    def sets_apart(self, block: Block) -> bool:
        """Whether the block is larger or heavier than the body."""
        if block.size >= _LARGER * self.size:
            return True
        heavier = block.weight - self.weight >= _HEAVIER and all_heavy(block.lines)
        return heavier and block.size >= 0.95 * self.size


Style = tuple[float, bool]
"""Size, rounded, and whether it is bold: headings of one level share theirs."""


def style_of(block: Block) -> Style:
    """The style of a heading."""
    return round(block.size * 2) / 2, all_heavy(block.lines)


def is_heading(block: Block, body: Body, others: Sequence[Block]) -> bool:
    """Whether a block is set and worded as a heading, and stands alone at its height."""
    text = text_of(block.lines)
    letters = sum(letter.isalpha() for letter in text)
    if block.row or len(block.lines) > _MOST_LINES or not 2 <= len(text) <= _LONGEST:
        return False
    if letters < 3 or letters < 0.5 * len(text.replace(" ", "")) or not block.lines[0].upright:
        return False
    if text.endswith((".", ",", ";")) and not _SECTION.match(text):
        return False
    if BULLET.match(text) or _CAPTION.match(text) or text[0].islower():
        return False
    return body.sets_apart(block) and not _has_neighbour(block, others)


def _has_neighbour(block: Block, others: Sequence[Block]) -> bool:
    """Whether cells of a row stand beside it; a column beside it is longer than one line."""
    _, top, _, bottom = block.box
    middle = (top + bottom) / 2
    return any(
        other is not block and len(other.lines) == 1 and other.box[1] < middle < other.box[3]
        for other in others
    )


def depths_of(headings: Sequence[tuple[Style, str]]) -> dict[Style, int]:
    """Level from 0 of each style: the larger above the smaller, bold above what is not."""
    styles = sorted({style for style, _ in headings}, reverse=True)
    return {style: min(level, 5) for level, style in enumerate(styles)}


def numbered_depth(text: str) -> int | None:
    """Level that a heading's own number tells: 2.3.1 is two below 2."""
    found = _DEEPER.match(text)
    return found.group().count(".") if found and _SECTION.match(text) else None


def kind_of(text: str) -> tuple[str, str]:
    """Unstructured's class for a text that is no heading, and the text without its bullet."""
    if _CAPTION.match(text) and len(text) <= 400:
        return "FigureCaption", text
    if BULLET.match(text):
        return "ListItem", BULLET.sub("", text).strip()
    if NUMBERED.match(text):
        return "ListItem", text
    if re.fullmatch(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", text):
        return "EmailAddress", text
    words = re.findall(r"[^\W\d_]{2,}", text)
    prose = len(words) >= 5 and sum(map(len, words)) >= 0.55 * len(text.replace(" ", ""))
    return ("NarrativeText" if prose else "UncategorizedText"), text


def elements_of_page(
    blocks: Sequence[Block],
    headings: Mapping[int, int],
    place: RawElement,
    words: Collection[str],
) -> Iterator[RawElement]:
    """The page's elements. `headings` has the depth of each heading by its block's number."""
    for number, block in enumerate(blocks):
        text = fold(text_of(block.lines, words).replace(BROKEN, "-"))
        if not text:
            continue
        box = _on_page(block.box, place)
        if number in headings:
            depth = headings[number]
            yield {**place, "kind": "Title", "text": text, "box": box, "depth": depth}
        else:
            kind, shown = ("UncategorizedText", text) if block.row else kind_of(text)
            yield {**place, "kind": kind, "text": shown, "box": box}


def _on_page(box: Sequence[float], place: RawElement) -> list[float]:
    """The box without what reaches over the page's edges, as a letter's ascender may."""
    width, height = place.get("page_width", 0.0), place.get("page_height", 0.0)
    pairs = zip(box, (width, height, width, height), strict=True)
    return [round(min(max(edge, 0.0), most), 2) for edge, most in pairs]
