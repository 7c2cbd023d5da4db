"""Grids written down for tests."""

from collections.abc import Iterable, Sequence

from rag_pipelines.corpus.fingerprint import fold
from rag_pipelines.documents.tables_grid import Cell, Grid


def grid_of_rows(rows: Iterable[Sequence[str]], headers: int = 0) -> Grid:
    """A grid without spans."""
    return Grid(
        [Cell(r, c, fold(text)) for r, row in enumerate(rows) for c, text in enumerate(row)],
        headers,
    )
