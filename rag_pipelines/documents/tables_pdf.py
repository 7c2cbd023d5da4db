"""The tables of one PDF: `read_tables_of` is what the document worker calls."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.pdf_pages import opened
from rag_pipelines.documents.tables_aligned import aligned_tables
from rag_pipelines.documents.tables_captioned import captioned_tables
from rag_pipelines.documents.tables_captions import caption_of, is_numbered
from rag_pipelines.documents.tables_continued import Part
from rag_pipelines.documents.tables_evidence import is_aligned_table, is_ruled_table
from rag_pipelines.documents.tables_grid import Cell, Grid
from rag_pipelines.documents.tables_headers import header_rows
from rag_pipelines.documents.tables_joining import Found, joined
from rag_pipelines.documents.tables_leaders import without_leaders
from rag_pipelines.documents.tables_open import open_tables
from rag_pipelines.documents.tables_page import Box, Engine, PageContent, Word, read_pages
from rag_pipelines.documents.tables_ruled import ruled_tables
from rag_pipelines.documents.tables_shaded import shaded_tables

_MARGIN = 0.09
"""Share of the page's height at its ends in which running heads stand."""


def read_tables_of(path: Path, first: int = 1, last: int | None = None) -> list[dict[str, Any]]:
    """The tables of the PDF at `path` by page, JSON values that `part_of` reads.

    Those of the pages from `first` to `last` only, counted from 1, where `last` is given.

    Raises:
        DocumentFailure: the file is no PDF, is damaged or encrypted.
    """
    from liteparse.types import ParseError

    pages = f"{first}-{last}" if last else None
    try:
        return [_told(part) for page in read_pages(Path(path), pages) for part in parts_of(page)]
    except ParseError as error:
        raise DocumentFailure("damaged", str(error)[:500]) from None


def count_pages(path: Path) -> int:
    """How many pages the PDF at `path` has. Raises `DocumentFailure` where it cannot be opened."""
    with opened(Path(path)) as document:
        return len(document)


def part_of(told: dict[str, Any]) -> Part:
    """A table as `read_tables_of` told it."""
    cells = [Cell(*values) for values in told["cells"]]
    grid = Grid(cells, told["headers"])
    left, top, right, bottom = told["box"]
    said = {key: told[key] for key in ("page", "caption", "engine", "first", "last")}
    return Part(box=(left, top, right, bottom), grid=grid, **said)


def parts_of(page: PageContent) -> Iterator[Part]:
    """The tables of a page, from its top."""
    page = replace(page, words=without_leaders(page.words))
    tables = tables_on(page)
    for table in tables:
        others = [other.box for other in tables if other is not table]
        grid = replace(table.grid, headers=header_rows(table.grid))
        yield Part(
            page.number,
            table.box,
            grid,
            caption_of(table.box, page.words, others),
            table.engine,
            first=not any(word.y < table.box[1] for word in _body(page)),
            last=not any(word.y > table.box[3] for word in _body(page)),
        )


def tables_on(page: PageContent) -> list[Found]:
    """The tables of a page as the engines agree on them."""
    ruled = [Found("ruled", page.number, box, grid) for box, grid in ruled_tables(page)]
    shaded: list[tuple[Engine, Box, Grid]] = [("shaded", *table) for table in shaded_tables(page)]
    for weaker in (shaded, open_tables(page)):
        drawn = [table.box for table in ruled]
        ruled += [
            Found(engine, page.number, box, grid)
            for engine, box, grid in weaker
            if not any(_overlap(box, other) for other in drawn)
        ]
    aligned = [Found("aligned", page.number, box, grid) for box, grid in aligned_tables(page)]
    found = [table for table in joined(ruled, aligned) if _speaks_for(table, page.words)]
    found += [
        Found("worded", page.number, box, grid)
        for box, grid in captioned_tables(page)
        if not any(_overlap(box, other.box) for other in found)
    ]
    return sorted(found, key=lambda table: (table.box[1], table.box[0]))


def _overlap(one: Box, other: Box) -> bool:
    across = min(one[2], other[2]) - max(one[0], other[0])
    return across > 0 and min(one[3], other[3]) - max(one[1], other[1]) > 0


def _speaks_for(table: Found, words: Sequence[Word]) -> bool:
    if table.engine in ("ruled", "shaded", "worded"):
        return is_ruled_table(table.grid)
    return is_aligned_table(table.grid, numbered=is_numbered(caption_of(table.box, words)))


def _body(page: PageContent) -> Sequence[Word]:
    top, bottom = _MARGIN * page.height, (1 - _MARGIN) * page.height
    return [word for word in page.words if top <= word.y <= bottom]


def _told(part: Part) -> dict[str, Any]:
    grid = part.grid
    cells = [[c.row, c.column, c.text, c.rowspan, c.colspan] for c in grid.cells]
    return {
        "page": part.page,
        "box": [round(value, 2) for value in part.box],
        "cells": cells,
        "headers": grid.headers,
        "caption": part.caption,
        "engine": part.engine,
        "first": part.first,
        "last": part.last,
    }
