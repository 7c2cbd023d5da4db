"""A table as a grid of cells, and as clean HTML.

Knows rows, columns, spans and text. Does not know where a table was found or by what.
"""

import re
from dataclasses import dataclass, field, replace
from html import escape

_LEADER = re.compile(r"\s*(?:[.\u2026]\s?){4,}$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell at its first row and column, from 0; `box` in points where it is known."""

    row: int
    column: int
    text: str
    rowspan: int = 1
    colspan: int = 1
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells that do not overlap. `headers` counts the rows at the top that name the columns."""

    cells: list[Cell] = field(default_factory=list[Cell])
    headers: int = 0

    @property
    def height(self) -> int:
        return max((cell.row + cell.rowspan for cell in self.cells), default=0)

    @property
    def width(self) -> int:
        return max((cell.column + cell.colspan for cell in self.cells), default=0)

    @property
    def filled(self) -> list[Cell]:
        """The cells that hold text."""
        return [cell for cell in self.cells if cell.text]

    @property
    def words(self) -> list[str]:
        """All words, lower case, in the order of the cells."""
        return [word for cell in self.cells for word in cell.text.lower().split()]

    def rows(self) -> list[list[str]]:
        """Texts by row and column, a spanning cell's text in every place that it covers."""
        rows = [[""] * self.width for _ in range(self.height)]
        for cell in self.cells:
            for row in range(cell.row, cell.row + cell.rowspan):
                for column in range(cell.column, cell.column + cell.colspan):
                    rows[row][column] = cell.text
        return rows


def pruned(grid: Grid) -> Grid:
    """Without rows and columns in which no cell with text begins, holes, and leader dots."""
    rows = sorted({cell.row for cell in grid.filled})
    columns = sorted({cell.column for cell in grid.filled})
    cells: list[Cell] = []
    for cell in grid.cells:
        r = [i for i, row in enumerate(rows) if cell.row <= row < cell.row + cell.rowspan]
        c = [i for i, at in enumerate(columns) if cell.column <= at < cell.column + cell.colspan]
        if r and c:
            text = _LEADER.sub("", cell.text)
            cells.append(
                replace(cell, text=text, row=r[0], column=c[0], rowspan=len(r), colspan=len(c))
            )
    headers = sum(row < grid.headers for row in rows)
    taken = {
        (row, column)
        for cell in cells
        for row in range(cell.row, cell.row + cell.rowspan)
        for column in range(cell.column, cell.column + cell.colspan)
    }
    cells += [
        Cell(row, column, "")
        for row in range(len(rows))
        for column in range(len(columns))
        if (row, column) not in taken
    ]
    return Grid(cells, min(headers, max(0, len(rows) - 1)))


def html_of(grid: Grid, caption: str = "") -> str:
    """The table as HTML: table, caption, thead, tbody, tr, th, td with spans, and text."""
    lines = [_row(grid, row) for row in range(grid.height)]
    parts = [f"<caption>{escape(caption)}</caption>"] if caption else []
    if grid.headers:
        parts.append(f"<thead>{''.join(lines[: grid.headers])}</thead>")
    parts.append(f"<tbody>{''.join(lines[grid.headers :])}</tbody>")
    return f"<table>{''.join(parts)}</table>"


def _row(grid: Grid, row: int) -> str:
    tag = "th" if row < grid.headers else "td"
    cells = sorted((c for c in grid.cells if c.row == row), key=lambda cell: cell.column)
    return "<tr>" + "".join(_cell(cell, tag) for cell in cells) + "</tr>"


def _cell(cell: Cell, tag: str) -> str:
    rowspan = f' rowspan="{cell.rowspan}"' if cell.rowspan > 1 else ""
    colspan = f' colspan="{cell.colspan}"' if cell.colspan > 1 else ""
    return f"<{tag}{rowspan}{colspan}>{escape(cell.text)}</{tag}>"


def cut(grid: Grid, start: int, end: int) -> Grid:
    """The rows from `start` to before `end`; a cell over the cut keeps its text on both sides."""
    cells = [
        replace(
            cell,
            row=max(cell.row, start) - start,
            rowspan=min(cell.row + cell.rowspan, end) - max(cell.row, start),
        )
        for cell in grid.cells
        if cell.row < end and cell.row + cell.rowspan > start
    ]
    return Grid(cells, max(0, min(grid.headers, end) - start))


def stacked(upper: Grid, lower: Grid) -> Grid:
    """The rows of `lower` below those of `upper`; the headers are the upper one's."""
    moved = [replace(cell, row=cell.row + upper.height) for cell in lower.cells]
    return Grid(upper.cells + moved, upper.headers)
