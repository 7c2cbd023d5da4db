"""What a page of a PDF gives the table engines: words, ruling lines and filled shapes.

Reads with liteparse, which is fast and needs no model. Runs in the document worker.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rag_pipelines.documents.tables_rules import THIN, Rules, cleaned, rule_of

if TYPE_CHECKING:
    from liteparse.types import ParsedPage, TextItem

Engine = Literal["ruled", "shaded", "open", "worded", "aligned"]
"""What finds tables: a frame of lines, filled cells, lines across figures or words, alignment."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points from the page's top left corner."""

_WHITE = "ffffff"
_TURNED = 20.0
"""Degrees from which a text does not run as the lines of the page do."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word where it stands; `glued` to the one before where no space parts them.

    `upright` is one that runs as most of the page does; along a chart's axis they run up.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    glued: bool = False
    upright: bool = True

    @property
    def x(self) -> float:
        return (self.left + self.right) / 2

    @property
    def y(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, slots=True)
class PageContent:
    """One page, `number` from 1. `fills` are rectangles of a colour that shows, no lines."""

    number: int
    width: float
    height: float
    words: list[Word]
    rules: Rules
    fills: list[Box] = field(default_factory=list[Box])


def read_pages(path: Path, pages: str | None = None) -> Iterator[PageContent]:
    """The pages of a PDF, or those of `pages`, such as `3-7`.

    Raises `liteparse.ParseError` where it is none or is damaged.
    """
    from liteparse.parser import LiteParse

    parser = LiteParse(
        ocr_enabled=False,
        emit_word_boxes=True,
        extract_vector_graphics=True,
        continue_on_page_error=True,
        max_pages=100_000,
        target_pages=pages,
        num_workers=1,
        quiet=True,
    )
    for page in parser.parse(path).pages:
        yield _content(page)


def _content(page: "ParsedPage") -> PageContent:
    turned = [abs((item.rotation + 180) % 360 - 180) > _TURNED for item in page.text_items]
    mostly = sum(turned) * 2 > len(turned)
    words = [
        word
        for item, aside in zip(page.text_items, turned, strict=True)
        for word in _words(item, aside == mostly)
    ]
    return PageContent(
        page.page_num,
        page.width,
        page.height,
        words,
        _rules(page),
        list(_fills(page)),
    )


def _words(item: "TextItem", upright: bool) -> Iterator[Word]:
    end = 0
    for number, word in enumerate(item.words):
        start = item.text.find(word.text, end)
        glued = number > 0 and start == end
        end = max(end, start + len(word.text))
        if word.text.strip():
            right, bottom = word.x + word.width, word.y + word.height
            yield Word(word.text, word.x, word.y, right, bottom, glued, upright)


def _rules(page: "ParsedPage") -> Rules:
    """Stroked lines, and filled shapes as thin as a line."""
    graphics = page.vector_graphics
    if graphics is None:
        return Rules()
    ends = [(line.x1, line.y1, line.x2, line.y2) for line in graphics.lines if line.stroke]
    for shape in graphics.shapes:
        x, y, width, height = shape.bbox
        if shape.fill and min(width, height) <= THIN:
            ends.append((x, y, x + width, y + height))
    rules = Rules()
    for found in (rule_of(*place) for place in ends):
        if found:
            (rules.across if found[0] == "across" else rules.down).append(found[1])
    return cleaned(rules)


def _fills(page: "ParsedPage") -> Iterator[Box]:
    for shape in page.vector_graphics.shapes if page.vector_graphics else ():
        x, y, width, height = shape.bbox
        shows = shape.fill and not shape.has_curve and not (shape.fill_color or "").endswith(_WHITE)
        if shows and min(width, height) > THIN:
            yield x, y, x + width, y + height
