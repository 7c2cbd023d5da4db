"""Tables that run over a page break, put together.

A part goes on where the one before it ends its page, this one begins its page, and both have the
same columns at the same places; a heading that is printed again is dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.documents.tables_grid import Grid, cut, stacked
from rag_pipelines.documents.tables_page import Box

_SHIFT = 12.0
"""Points by which the edges of two parts may differ: binding margins alternate."""


@dataclass(frozen=True, slots=True)
class Part:
    """A table on one page. `first` and `last`: nothing but running heads stands above, below."""

    page: int
    box: Box
    grid: Grid
    caption: str = ""
    engine: str = ""
    first: bool = False
    last: bool = False


def continued(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts in their order, those of one table together."""
    tables: list[list[Part]] = []
    for part in parts:
        if tables and _goes_on(tables[-1][-1], part):
            tables[-1].append(part)
        else:
            tables.append([part])
    return tables


def whole(parts: Sequence[Part]) -> Grid:
    """The grid of all parts."""
    grid = parts[0].grid
    for part in parts[1:]:
        grid = stacked(grid, _without_heading(grid, part.grid))
    return grid


def _goes_on(before: Part, part: Part) -> bool:
    widths = [one.box[2] - one.box[0] for one in (before, part)]
    return (
        part.page == before.page + 1
        and before.last
        and part.first
        and before.grid.width == part.grid.width
        and abs(widths[0] - widths[1]) <= _SHIFT
        and (not part.caption or part.caption.casefold() == before.caption.casefold())
    )


def _without_heading(upper: Grid, lower: Grid) -> Grid:
    headers = upper.headers
    if headers and headers < lower.height and upper.rows()[:headers] == lower.rows()[:headers]:
        return cut(lower, headers, lower.height)
    return lower
