"""Rows and columns of words between lines drawn across, where no figures tell the columns.

A heading of its own between the first two lines is asked for: text in columns has none. Does not
know where on a page a table is.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from rag_pipelines.documents.tables_divided import column_gaps
from rag_pipelines.documents.tables_grid import Cell, Grid, pruned
from rag_pipelines.documents.tables_page import Word
from rag_pipelines.documents.tables_rules import Rule
from rag_pipelines.documents.tables_segments import segments_of
from rag_pipelines.documents.tables_text import lines_of, text_of

_LONGEST_LABEL = 12
_LONGEST_CELL = 60
"""Words beyond which what stands in a place is no label, no cell."""
_DEEPEST_HEAD = 4
_GAP = 0.8
"""Heights of the words that a gap between columns is wide at least…"""
_NARROW = 0.42
_MANY = 6
"""… and where it runs through so many lines, which spaces do not."""
_LOOSE = 1.25
"""Share of the usual distance between lines beyond which the next one begins a row."""

Line = list[Word]


def grid_of_words(words: Sequence[Word], rules: Sequence[Rule]) -> Grid | None:
    """The grid of what stands between `rules`, three or more of one length, from the top.

    None where it has no heading over every column, or reads like prose.
    """
    if len(rules) < 3:
        return None
    bands = [band for band in _between(words, rules) if band]
    if len(bands) < 2 or len(bands[0]) > _DEEPEST_HEAD:
        return None
    lines = [line for band in bands[1:] for line in band]
    gaps = column_gaps(lines, _GAP if len(lines) < _MANY else _NARROW)
    if not gaps or any(_runs_over(line, gaps) for line in bands[0]):
        return None
    head = _texts((word for line in bands[0] for word in line), gaps)
    body = [row for band in bands[1:] for row in _rows(band, gaps, len(bands) > 3)]
    rows = [_texts((word for line in row for word in line), gaps) for row in body]
    if not all(head[1:]) or not _reads_as_table(rows):
        return None
    cells = [
        Cell(number, column, text)
        for number, row in enumerate([head, *rows])
        for column, text in enumerate(row)
    ]
    return pruned(Grid(cells, 1))


def grid_below_caption(lines: Sequence[Line]) -> Grid | None:
    """The grid of lines of words, the first of which heads every column.

    None where it does not, or what follows reads like prose.
    """
    if len(lines) < 3:
        return None
    gaps = column_gaps([line for line in lines if len(segments_of(line)) > 1], _GAP)
    if not gaps or _runs_over(lines[0], gaps):
        return None
    rows = _rows(lines, gaps, parted=False)
    texts = [_texts((word for line in row for word in line), gaps) for row in rows]
    if not all(texts[0][1:]) or not _reads_as_table(texts[1:]):
        return None
    cells = [Cell(r, c, text) for r, row in enumerate(texts) for c, text in enumerate(row)]
    return pruned(Grid(cells, 1))


def _between(words: Sequence[Word], rules: Sequence[Rule]) -> list[list[Line]]:
    lines = lines_of(words)
    return [
        [line for line in lines if upper.at <= line[0].y < lower.at]
        for upper, lower in pairwise(rules)
    ]


def _runs_over(line: Line, gaps: Sequence[float]) -> bool:
    """Whether a text of the heading stands over two columns, as a title does."""
    return any(
        word.left - before.right < _NARROW * before.height
        for before, word in pairwise(line)
        if any(before.x < gap <= word.x for gap in gaps)
    )


def _texts(words: Iterable[Word], gaps: Sequence[float]) -> list[str]:
    columns: list[Line] = [[] for _ in range(len(gaps) + 1)]
    for word in words:
        columns[sum(gap <= word.x for gap in gaps)].append(word)
    return [text_of(column) for column in columns]


def _rows(band: Sequence[Line], gaps: Sequence[float], parted: bool) -> list[list[Line]]:
    """The band's lines by row: one row where lines part all rows, else begun by a label.

    A label begins a row after a wider distance, or, where all lines are equally far apart,
    wherever it stands beside something and is no second line of the one above. One that stands
    alone heads the rows below it.
    """
    if parted:
        return [list(band)]
    distances = [lower[0].y - upper[0].y for upper, lower in pairwise(band)]
    least = min(distances, default=0.0)
    loose = any(distance > _LOOSE * least for distance in distances)
    rows: list[list[Line]] = [[band[0]]]
    before = _texts(band[0], gaps)
    for line, distance in zip(band[1:], distances, strict=True):
        texts = _texts(line, gaps)
        anew = bool(texts[0]) and not texts[0][0].islower()
        divides = anew and not any(texts[1:]) and not before[0]
        after = anew and any(texts[1:]) and not any(before[1:])
        begins = distance > _LOOSE * least if loose else anew and any(texts[1:])
        if begins or divides or after:
            rows.append([])
        rows[-1].append(line)
        before = texts
    return rows


def _reads_as_table(rows: Sequence[Sequence[str]]) -> bool:
    """Two rows or more, labels and cells of a bounded length, half the places filled."""
    labels = [len(row[0].split()) for row in rows if row[0]]
    cells = [len(text.split()) for row in rows for text in row if text]
    return (
        len(rows) >= 2
        and len(labels) * 2 >= len(rows)
        and sum(length > _LONGEST_LABEL for length in labels) * 4 <= len(labels)
        and sum(length > _LONGEST_CELL for length in cells) * 4 <= len(cells)
        and len(cells) * 2 >= len(rows) * len(rows[0])
    )
