"""A PDF page's lines of text through pdfium. Runs in the worker.

Knows characters, their boxes and fonts. Keeps the order of the file, which nearly always is the
order of reading; what the lines amount to is the business of `blocks`.
"""
# pypdfium2 ships no types.
# pyright: basic, reportAttributeAccessIssue=false

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rag_pipelines.documents.lines import Line, Run, around
from rag_pipelines.documents.pdf_pages import View

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

MOST_CHARACTERS = 200_000
"""Of one page; no page that a person reads has more, and each costs a few microseconds."""
_WIDE_GAP = 1.1
"""Of the letters' height: spaces between words are a quarter of it."""
_BREAKS = "\r\n"
_BROKEN = "\x02\ufffe\u00ad"
"""What pdfium gives for a hyphen at a line's end, and the soft hyphen."""
_SMALLEST = 0.1
"""Height of a letter in points; what is lower nobody can see, and a line of it has no size."""
_UPRIGHT = 0.2
_ASIDE = 0.6
"""Share of a page's letters that are not upright from which it is read as if it were turned."""
_SAMPLE = 200


@dataclass(slots=True)
class _Letter:
    text: str
    box: list[float]
    weight: int
    upright: bool


def lines_of(page: "PdfPage", view: View) -> tuple[list[Line], View]:
    """The page's lines in the order of the file; those without a letter are left out.

    Where most of them run up or down or stand on their heads, they are told as of a page that is
    turned until they do not: the view is the one that they are told in.
    """
    lines, quarters = _read(page, view)
    if _length([line for line in lines if not line.upright]) > _ASIDE * _length(lines):
        page.set_rotation((view.rotation - 90 * quarters) % 360)
        view = View.of(page)
        lines, _ = _read(page, view)
    return lines, view


def _length(lines: list[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _read(page: "PdfPage", view: View) -> tuple[list[Line], int]:
    """The lines, and how often most letters are turned by 90 degrees, clockwise."""
    textpage = page.get_textpage()
    try:
        return _rejoined(_lines(_letters(textpage, view))), _quarters(textpage, view)
    finally:
        textpage.close()


def _quarters(textpage: Any, view: View) -> int:
    from pypdfium2 import raw

    count = min(textpage.count_chars(), _SAMPLE)
    angles = (math.degrees(raw.FPDFText_GetCharAngle(textpage, at)) for at in range(count))
    turns = Counter(round((angle + view.rotation) / 90) % 4 for angle in angles)
    return turns.most_common(1)[0][0] if turns else 0


def _letters(textpage: Any, view: View) -> "Iterator[_Letter]":
    """Every character that shows on the page; spaces and line breaks with an empty box."""
    from pypdfium2 import raw

    rect = raw.FS_RECTF()
    turned = math.radians(view.rotation)
    for at in range(min(textpage.count_chars(), MOST_CHARACTERS)):
        text = _character(raw.FPDFText_GetUnicode(textpage, at))
        if not text or text.isspace() or raw.FPDFText_IsGenerated(textpage, at) == 1:
            if raw.FPDFText_IsHyphen(textpage, at) == 1:
                text = "\x02"
            yield _Letter(text or " ", [], 0, True)
            continue
        raw.FPDFText_GetLooseCharBox(textpage, at, rect)
        box = view.box((rect.left, rect.bottom, rect.right, rect.top))
        if not view.shows(box) or box[3] - box[1] < _SMALLEST:
            continue
        angle = (raw.FPDFText_GetCharAngle(textpage, at) + turned) % (2 * math.pi)
        yield _Letter(
            "\x02" if raw.FPDFText_IsHyphen(textpage, at) == 1 else text,
            box,
            raw.FPDFText_GetFontWeight(textpage, at),
            min(angle, 2 * math.pi - angle) < _UPRIGHT,
        )


def _character(code: int) -> str:
    if code in (0, 0xFFFF) or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
        return ""
    text = chr(code)
    return "" if code < 32 and text not in "\t\r\n\x02" else text


def _lines(letters: Iterator[_Letter]) -> Iterator[Line]:
    gathered: list[_Letter] = []
    for letter in letters:
        if letter.text in _BREAKS or (gathered and _elsewhere(gathered, letter)):
            yield from _line(gathered)
            gathered = []
        if letter.text not in _BREAKS:
            gathered.append(letter)
    yield from _line(gathered)


def _elsewhere(gathered: list[_Letter], letter: _Letter) -> bool:
    """Whether the letter begins a line that pdfium did not break: turned, or far off."""
    last = next((known for known in reversed(gathered) if known.box), None)
    if last is None or not letter.box:
        return False
    if last.upright != letter.upright:
        return True
    height = max(last.box[3] - last.box[1], letter.box[3] - letter.box[1])
    away = letter.box[1] > last.box[3] or letter.box[3] < last.box[1]
    return letter.upright and (away or letter.box[0] < last.box[0] - 4 * height)


def _line(letters: list[_Letter]) -> Iterator[Line]:
    shown = [letter for letter in letters if letter.box]
    if not shown or (not any(letter.text.isalnum() for letter in shown) and len(shown) < 2):
        return
    heights = Counter(round(letter.box[3] - letter.box[1], 1) for letter in shown)
    weights = Counter(letter.weight for letter in shown)
    size = heights.most_common(1)[0][0]
    box = around([letter.box for letter in shown])
    upright = shown[0].upright
    runs = list(_runs(letters, size if upright else float("inf")))
    if runs:
        broken = shown[-1].text in _BROKEN
        yield Line(runs, box[1], box[3], size, weights.most_common(1)[0][0], broken, upright)


def _rejoined(lines: Iterator[Line]) -> list[Line]:
    """Lines put together that pdfium breaks: a superscript, and what follows it."""
    whole: list[Line] = []
    for line in lines:
        if whole and _beside(whole[-1], line):
            before = whole.pop()
            larger = max(before, line, key=lambda known: known.size)
            last, first = before.runs[-1], line.runs[0]
            joint = Run(last.text + first.text, last.left, first.right)
            runs = [*before.runs[:-1], joint, *line.runs[1:]]
            line = replace(
                larger,
                runs=runs,
                top=min(before.top, line.top),
                bottom=max(before.bottom, line.bottom),
                broken=line.broken,
            )
        whole.append(line)
    return whole


def _beside(before: Line, line: Line) -> bool:
    """Whether the line begins where the one before it ends, and they stand at one height."""
    if not (before.upright and line.upright) or before.broken:
        return False
    smaller = min(before.size, line.size)
    common = min(before.bottom, line.bottom) - max(before.top, line.top)
    return common > 0.5 * smaller and -0.3 * smaller < line.left - before.right < 0.25 * smaller


def _runs(letters: list[_Letter], size: float) -> Iterator[Run]:
    """The line's pieces; a space where the file has one or pdfium sees one."""
    text, left, right = "", 0.0, 0.0
    for letter in letters:
        if not letter.box:
            text += "\x02" if letter.text in _BROKEN else " "
            continue
        if text.strip() and letter.box[0] - right > _WIDE_GAP * size:
            yield from _run(text, left, right)
            text = ""
        if not text.strip():
            text, left, right = "", letter.box[0], letter.box[2]
        text += letter.text
        right = max(right, letter.box[2])
        left = min(left, letter.box[0])
    yield from _run(text, left, right)


def _run(text: str, left: float, right: float) -> Iterator[Run]:
    """White space folded; a hyphen at the very end is told by `Line.broken`."""
    shown = " ".join(text.split())
    for mark in _BROKEN:
        shown = (shown[:-1] + "\x02" if shown.endswith(mark) else shown).replace(mark, "-")
    if shown:
        yield Run(shown, left, right)
