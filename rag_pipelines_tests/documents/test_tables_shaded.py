"""Cells that are filled with a colour are cells, whatever stands in them."""

from collections.abc import Callable
from itertools import pairwise

from rag_pipelines.documents.tables_continued import Part
from rag_pipelines_tests.documents.drawn_pdf import Sheet

XS = [60, 200, 340, 500]
HEAD = ["Office", "Report", "Applies to"]
TEXTS = [
    ["Field office", "Quarterly, by post", "Grantees with a programme"],
    ["State agency", "Annual", "All that were audited"],
    ["Region IV", "On request", "Nobody at present"],
    ["Board", "Not applicable", "The chair and the deputies"],
]
STEP = 16
Reads = Callable[[Sheet], list[Part]]


def write(sheet: Sheet, top: float, row: list[str]) -> None:
    for x, text in zip(XS, row, strict=False):
        sheet.text(x + 4, top + 11, text, 7)


def shade(sheet: Sheet, top: float, xs: list[int], height: float = STEP, **colour: str) -> None:
    for left, right in pairwise(xs):
        sheet.fill((left, top, right, top + height), **colour)


def striped(sheet: Sheet, rows: list[list[str]], top: float = 100, **colour: str) -> None:
    """Every other row filled, cell by cell, beginning with the first."""
    for number, row in enumerate(rows):
        if number % 2 == 0:
            shade(sheet, top + STEP * number, XS, **colour)
        write(sheet, top + STEP * number, row)


def test_every_other_row_filled_makes_rows_and_columns_of_texts(parts_on: Reads):
    sheet = Sheet()
    striped(sheet, [HEAD, *TEXTS])
    [part] = parts_on(sheet)
    assert (part.engine, part.grid.rows()) == ("shaded", [HEAD, *TEXTS])


def test_a_last_row_without_colour_belongs_to_the_table_and_prose_below_does_not(parts_on: Reads):
    rows = [HEAD, *TEXTS, ["Total", "Twelve", "All of them"]]
    sheet = Sheet()
    striped(sheet, rows)
    sheet.text(60, 100 + STEP * len(rows) + 12, "What follows the table runs over its columns.", 7)
    [part] = parts_on(sheet)
    assert part.grid.rows() == rows
    sheet = Sheet()
    striped(sheet, rows[:-1])
    sheet.text(60, 100 + STEP * len(rows) - 5, "What follows the table runs over its columns.", 7)
    [part] = parts_on(sheet)
    assert part.grid.rows() == rows[:-1]


def test_a_filled_heading_over_two_columns_spans_them(parts_on: Reads):
    sheet = Sheet()
    sheet.fill((XS[0], 84, XS[1], 100 + STEP))
    sheet.fill((XS[1], 84, XS[3], 100))
    sheet.text(XS[1] + 90, 95, "What is sent and by whom", 7)
    striped(sheet, [HEAD, *TEXTS])
    [part] = parts_on(sheet)
    assert part.grid.rows()[2:] == TEXTS
    heading = next(cell for cell in part.grid.cells if cell.text == "What is sent and by whom")
    assert (heading.row, heading.column, heading.colspan) == (0, 1, 2)


def test_a_text_that_fills_its_cell_stays_in_it_where_nothing_is_filled(parts_on: Reads):
    rows = [HEAD, ["Field office of the western stat", *TEXTS[0][1:]], *TEXTS[1:]]
    sheet = Sheet()
    striped(sheet, rows)
    [part] = parts_on(sheet)
    assert part.grid.rows() == rows


def test_filled_rows_far_apart_or_of_other_ends_are_no_table(parts_on: Reads):
    sheet = Sheet()
    for number, row in enumerate([HEAD, *TEXTS]):
        shade(sheet, 100 + 60 * number, XS)
        write(sheet, 100 + 60 * number, row)
    narrow = [XS[0], 200, 300]
    shade(sheet, 500, XS)
    write(sheet, 500, HEAD)
    for number, row in enumerate(TEXTS[:2], 1):
        shade(sheet, 500 + 2 * STEP * number, narrow)
        write(sheet, 500 + 2 * STEP * number, row[:2])
    assert parts_on(sheet) == []


def test_two_rows_of_boxes_and_white_cells_are_no_table(parts_on: Reads):
    sheet = Sheet()
    for top in (100, 180):
        shade(sheet, top, XS, height=80)
        for number in range(4):
            words = ["Some words in a", "box beside boxes", "that are as high"]
            write(sheet, top + 10 + STEP * number, words)
    striped(sheet, [HEAD, *TEXTS], top=300, colour="1 1 1")
    assert parts_on(sheet) == []
