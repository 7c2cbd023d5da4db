"""HTML that a file or a service gives for a table, read into a grid: nothing else gets through.

Only cells, their spans and their text are taken, so what `tables_grid` writes of them is clean.
"""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.tables_grid import Cell, Grid, pruned
from rag_pipelines.documents.tables_headers import header_rows

_WIDEST = 200
"""Columns beyond this are a bomb, not a table."""
_LONGEST = 20_000
_SILENT = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg"})
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "td", "th", "dt", "dd"})


@dataclass(slots=True)
class _Open:
    row: int
    column: int
    rowspan: int
    colspan: int
    heading: bool
    text: list[str] = field(default_factory=list[str])


def clean_table(html: str) -> tuple[Grid, str]:
    """The first table's grid without what is blank, its headings counted, and its caption."""
    grid, caption = grid_of_html(html)
    grid = pruned(grid)
    return replace(grid, headers=grid.headers or header_rows(grid)), caption


def grid_of_html(html: str) -> tuple[Grid, str]:
    """The first table's grid and its caption; an empty grid where there is no table.

    A table inside a cell is read as the cell's text.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.grid(), fold("".join(reader.caption))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.caption: list[str] = []
        self._cells: list[_Open] = []
        self._open: _Open | None = None
        self._taken: set[tuple[int, int]] = set()
        self._row, self._depth, self._silent = -1, 0, 0
        self._in_caption = self._in_head = self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "table":
            self._depth += 1
        elif self._depth == 1 and not self._done:
            self._start(tag, dict(attrs))
        if tag in _BREAKS and self._open:
            self._open.text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "table":
            self._depth = max(0, self._depth - 1)
            if self._depth == 0 and self._row >= 0:
                self._open, self._done = None, True
        elif self._depth == 1 and tag in ("td", "th", "tr"):
            self._open = None
        elif tag == "caption":
            self._in_caption = False
        elif tag == "thead":
            self._in_head = False
        if tag in _BREAKS and self._open:
            self._open.text.append(" ")

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._in_caption:
            self.caption.append(data)
        elif self._open:
            self._open.text.append(data)

    def grid(self) -> Grid:
        height = self._row + 1
        cells = [
            Cell(c.row, c.column, fold("".join(c.text)), min(c.rowspan, height - c.row), c.colspan)
            for c in self._cells
        ]
        headed = [[c.heading for c in self._cells if c.row == row] for row in range(height)]
        headers = next((i for i, row in enumerate(headed) if not row or not all(row)), 0)
        return Grid(cells, headers)

    def _start(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "caption":
            self._in_caption = not self.caption
        elif tag == "thead":
            self._in_head = True
        elif tag == "tr" and self._row < _LONGEST:
            self._row, self._open = self._row + 1, None
        elif tag in ("td", "th"):
            self._start_cell(tag, attributes)

    def _start_cell(self, tag: str, attributes: dict[str, str | None]) -> None:
        self._row = max(self._row, 0)
        column = 0
        while (self._row, column) in self._taken:
            column += 1
        if column >= _WIDEST:
            self._open = None
            return
        across = min(_span(attributes.get("colspan")), _WIDEST - column)
        while across > 1 and (self._row, column + across - 1) in self._taken:
            across -= 1
        down = min(_span(attributes.get("rowspan")), 1000)
        self._open = _Open(self._row, column, down, across, tag == "th" or self._in_head)
        self._cells.append(self._open)
        self._taken |= {
            (row, at)
            for row in range(self._row, self._row + down)
            for at in range(column, column + across)
        }


def _span(value: str | None) -> int:
    return max(1, int(value)) if value and value.isdecimal() and len(value) < 7 else 1
