"""Tables without lines: where liteparse sees text in columns, read again with its headings.

liteparse finds the rows of figures well; headings of several lines above them, and labels that
wrap, are read better from the words.
"""

from collections.abc import Sequence

from rag_pipelines.documents.tables_captions import is_numbered
from rag_pipelines.documents.tables_divided import inside
from rag_pipelines.documents.tables_grid import Grid, cut, pruned
from rag_pipelines.documents.tables_lines import grid_of_lines, segments_of
from rag_pipelines.documents.tables_numbers import is_figure
from rag_pipelines.documents.tables_page import Box, PageContent, Word
from rag_pipelines.documents.tables_text import lines_of, text_of

_EDGE = 4.0
_APART = 1.9
"""Heights of a line within which the one above still belongs to the heading."""
_HIGHEST = 5
_WIDE = 0.75
_FAR = 3.5
"""Heights of a line beyond which the next row of figures is another table's."""
_LABEL = 8
"""Words beyond which a text alone in its line is no label."""
_FEWEST = 4


def aligned_tables(page: PageContent) -> list[tuple[Box, Grid]]:
    """Boxes and grids of text in columns, headings included.

    Besides those that liteparse sees, rows of figures that it takes for text.
    """
    found = [_read(box, pruned(grid), page) for box, grid in page.aligned]
    for box in _rows_of_figures(page.words):
        if any(box[1] < other[3] and other[1] < box[3] for other, _ in found):
            continue
        if grid := grid_of_lines(inside(page.words, box)):
            found.append(_read(box, grid, page))
    return found


def _rows_of_figures(words: Sequence[Word]) -> list[Box]:
    """Boxes of lines below each other with two figures or more beside their labels."""
    groups: list[list[list[Word]]] = [[]]
    for line in lines_of(words):
        segments = segments_of(line)
        height = max(word.height for word in line)
        far = bool(groups[-1]) and line[0].y - groups[-1][-1][0].y > _FAR * height
        if far or (len(segments) == 1 and len(line) > _LABEL):
            groups.append([])
        if len(segments) > 2 and _is_row(segments):
            groups[-1].append(line)
    rows = [group for group in groups if len(group) >= _FEWEST]
    return [
        (
            min(line[0].left for line in group) - 1,
            min(word.top for word in group[0]) - 0.5,
            max(line[-1].right for line in group) + 1,
            max(word.bottom for word in group[-1]) + 0.5,
        )
        for group in rows
    ]


def _read(box: Box, grid: Grid, page: PageContent) -> tuple[Box, Grid]:
    box, grid = _without_caption(box, grid, page.words)
    wider = (box[0] - _EDGE, _heading_top(box, page.words), box[2] + _EDGE, box[3] + 1)
    rules = [rule for rule in page.rules.across if wider[1] <= rule.at <= wider[3]]
    again = grid_of_lines(inside(page.words, wider), rules)
    if again is None or again.width != grid.width:
        return box, grid
    return (box[0], wider[1], box[2], box[3]), again


def _is_row(segments: Sequence[Sequence[Word]]) -> bool:
    """A label in letters, and nothing but figures beside it."""
    label, *beside = map(text_of, segments)
    return not is_figure(label) and all(map(is_figure, beside))


def _without_caption(box: Box, grid: Grid, words: Sequence[Word]) -> tuple[Box, Grid]:
    """A first line that numbers the table is its caption, not its first row."""
    lines = lines_of(inside(words, box))
    if len(lines) < 3 or grid.height < 3 or not is_numbered(text_of(lines[0])):
        return box, grid
    top = (max(w.bottom for w in lines[0]) + min(w.top for w in lines[1])) / 2
    return (box[0], top, box[2], box[3]), cut(grid, 1, grid.height)


def _heading_top(box: Box, words: Sequence[Word]) -> float:
    """The top of the lines above the box that read like headings of its columns."""
    above = [w for w in words if box[0] - _EDGE <= w.x <= box[2] + _EDGE and w.y < box[1]]
    top = box[1]
    for line in reversed(lines_of(above)[-_HIGHEST:]):
        height = max(word.height for word in line)
        if top - line[0].y > _APART * height or not _is_heading(line, box):
            break
        top = min(word.top for word in line) - 0.5
    return top


def _is_heading(line: Sequence[Word], box: Box) -> bool:
    """Texts apart from each other, or one that stands over columns beside the first."""
    width = box[2] - box[0]
    segments = segments_of(line)
    if is_numbered(text_of(line)):
        return False
    if len(segments) > 1:
        return all(s[-1].right - s[0].left < _WIDE * width for s in segments)
    left, right = line[0].left, line[-1].right
    return left > box[0] + 0.2 * width and right - left < _WIDE * width
