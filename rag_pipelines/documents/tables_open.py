"""Tables with lines across only: a rule above, one below the headings, one at the end.

The rules tell where the table is, the gaps in its rows of figures where the columns are, and each
line of text is a row. Does not know tables without any line.
"""

from collections.abc import Sequence
from itertools import pairwise

from rag_pipelines.documents.tables_above import heading_start
from rag_pipelines.documents.tables_bodies import rows_of
from rag_pipelines.documents.tables_captions import is_numbered
from rag_pipelines.documents.tables_divided import inside
from rag_pipelines.documents.tables_grid import Grid
from rag_pipelines.documents.tables_lines import grid_of_lines
from rag_pipelines.documents.tables_page import Box, Engine, PageContent, Word
from rag_pipelines.documents.tables_prose import without_prose
from rag_pipelines.documents.tables_rules import Rule, frames
from rag_pipelines.documents.tables_segments import segments_of
from rag_pipelines.documents.tables_text import lines_of, text_of
from rag_pipelines.documents.tables_worded import grid_of_words

_SAME = 6.0
"""Points by which the ends of a table's rules may differ."""
_SHORTEST = 100.0
_LONG = 0.6
"""Share of the rules' length beyond which a text alone in its line is prose, not a label."""


def open_tables(page: PageContent) -> list[tuple[Engine, Box, Grid]]:
    """Tables between rules of the same length: `open` those of figures, `worded` those of words."""
    closed = [frame.box for frame in frames(page.rules)]
    alone = [rule for rule in page.rules.across if not _within(rule, closed)]
    found: list[tuple[Engine, Box, Grid]] = []
    for rules in _groups(alone, page.words):
        left, right = min(r.start for r in rules), max(r.end for r in rules)
        box = (left - _SAME, rules[0].at, right + _SAME, rules[-1].at)
        drawn = [rule for rule in alone if box[1] <= rule.at <= box[3]]
        own = inside(page.words, box)
        if grid := grid_of_lines(own, drawn):
            if not grid.headers:
                box, grid = _headed(box, grid, page, drawn)
            found.append(("open", box, grid))
        elif grid := grid_of_words(own, rules):
            found.append(("worded", box, grid))
    return found


def _headed(box: Box, grid: Grid, page: PageContent, rules: Sequence[Rule]) -> tuple[Box, Grid]:
    """The table with the heading that stands above its first line, if one does."""
    wide = (box[0], 0.0, box[2], box[3])
    rows = rows_of(inside(without_prose(page.words), wide))
    first = next((at for at, row in enumerate(rows) if row.y > box[1]), 0)
    start = heading_start(rows, 0, first, len(rows) - 1) if rows and first else first
    if start == first or not any(row.figures for row in rows[first:]):
        return box, grid
    wider = (box[0], rows[start].top - 0.5, box[2], box[3])
    again = grid_of_lines(inside(page.words, wider), rules)
    return (wider, again) if again and again.width == grid.width else (box, grid)


def _within(rule: Rule, boxes: Sequence[Sequence[float]]) -> bool:
    return any(
        b[0] - 1 <= rule.start and rule.end <= b[2] + 1 and b[1] - 1 <= rule.at <= b[3] + 1
        for b in boxes
    )


def _groups(rules: Sequence[Rule], words: Sequence[Word]) -> list[list[Rule]]:
    """Rules of the same ends, from the top, as long as what stands between them is a table."""
    kinds: list[list[Rule]] = []
    for rule in sorted(rules):
        if rule.length < _SHORTEST:
            continue
        for kind in kinds:
            if abs(kind[0].start - rule.start) <= _SAME and abs(kind[0].end - rule.end) <= _SAME:
                kind.append(rule)
                break
        else:
            kinds.append([rule])
    groups: list[list[Rule]] = []
    for kind in kinds:
        group = [kind[0]]
        for upper, lower in pairwise(kind):
            if not _tabular(upper, lower, words):
                groups.append(group)
                group = []
            group.append(lower)
        groups.append(group)
    return [group for group in groups if len(group) >= 2]


def _tabular(upper: Rule, lower: Rule, words: Sequence[Word]) -> bool:
    """Whether two rules have rows of a table between them, or one heading, or nothing."""
    box = (upper.start - _SAME, upper.at, upper.end + _SAME, lower.at)
    lines = lines_of(inside(words, box))
    if not lines:
        return lower.at - upper.at <= 2 * _SAME
    if any(is_numbered(text_of(line)) for line in lines):
        return False
    alone = [line for line in lines if len(segments_of(line)) == 1]
    long = sum(line[-1].right - line[0].left > _LONG * upper.length for line in alone)
    if len(alone) == len(lines):
        return len(lines) == 1 and not long
    return long * 2 <= len(lines)
