"""The headings above a body: which of the lines over rows of figures belong to the table.

Does not know which column a heading stands over.
"""

import itertools
from collections.abc import Sequence
from statistics import median

from rag_pipelines.documents.tables_bodies import Row, figures_left
from rag_pipelines.documents.tables_captions import is_numbered
from rag_pipelines.documents.tables_numbers import are_figures, is_year

_APART = 1.9
"""Heights of a line within which the one above still belongs to the heading…"""
_STRONG = 3.2
"""… or this many, where it has texts over several columns…"""
_PITCHES = 1.6
"""… or this share of the usual distance between rows."""
_TIGHT = 1.3
"""Heights of a line within which a text goes on in the one below it."""
_DEEPEST = 9
"""Lines of a heading at most."""
_WIDE = 0.75
"""Share of a table's width beyond which a text is no heading of one of several columns."""
_NEAR = 0.6
"""Heights of a line by which labels are set in below the title of their section."""


def heading_start(rows: Sequence[Row], end: int, first: int, last: int) -> int:
    """The first row, after those before `end`, that reads like a heading of the body."""
    body = [row for row in rows[first : last + 1] if row.figures]
    start, strong = first, first
    distances = [b.y - a.y for a, b in itertools.pairwise(body)]
    pitch = median(distances) if distances else 0.0
    while start > end and first - start < _DEEPEST:
        row, below = rows[start - 1], rows[start]
        distance = below.y - row.y
        near = max(_APART * row.height, _PITCHES * pitch)
        kind = _kind(row, body)
        if kind == "over":
            near = max(near, _STRONG * row.height)
        if not kind or distance > near:
            break
        start -= 1
        if kind == "over":
            strong = start
    start = _below_labels(rows, start, strong, first, body)
    while start < first and _is_title(rows[start], rows[start + 1], body):
        start += 1
    return start


def _below_labels(
    rows: Sequence[Row], start: int, strong: int, first: int, body: Sequence[Row]
) -> int:
    """Without labels that stand above everything, unless the rows below are set in."""
    if strong < first:
        return strong
    indented = start < first and body[0].left > rows[first - 1].left + _NEAR * body[0].height
    return first - 1 if indented else first


def _kind(row: Row, body: Sequence[Row]) -> str:
    """`over` for texts over figures, `label` for one over the labels, nothing for no heading."""
    if is_numbered(" ".join(row.texts)):
        return ""
    left, right = min(r.left for r in body), max(r.right for r in body)
    start = figures_left(body)
    widths = [segment[-1].right - segment[0].left for segment in row.segments]
    if any(width > _WIDE * (right - left) for width in widths) and (
        len(widths) == 1 or len(body[0].figures) > 1
    ):
        return ""
    if row.segments[0][-1].right < left or row.segments[-1][0].left > right:
        return ""
    if row.labelled and not all(is_year(text) or not are_figures(text) for text in row.texts):
        return ""
    if len(row.segments) > 1:
        return "over"
    labels = max((r.segments[0][-1].right for r in body if r.labelled), default=left)
    middle = (row.left + row.right) / 2
    if middle > (start + min(labels, start)) / 2:
        return "over"
    return "label" if row.right < start else ""


def _is_title(row: Row, below: Row, body: Sequence[Row]) -> bool:
    """Whether a text is centred over the whole table rather than over its figures."""
    if len(row.segments) > 1 or max(len(r.figures) for r in body) < 2:
        return False
    over = any(s[0].left < row.right and row.left < s[-1].right for s in below.segments)
    if over and below.y - row.y < _TIGHT * row.height:
        return False
    left, right = min(r.left for r in body), max(r.right for r in body)
    middle, whole = (row.left + row.right) / 2, (left + right) / 2
    figures = (figures_left(body) + right) / 2
    return abs(middle - whole) < abs(middle - figures)
