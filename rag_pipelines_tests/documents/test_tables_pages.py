"""What is a table on a page and what only looks like one; where its cells are."""

from pathlib import Path

import pytest

from rag_pipelines.documents.tables_page import read_pages
from rag_pipelines.documents.tables_pdf import part_of, parts_of, read_tables_of
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf

PROSE = (
    "The committee met in spring and heard the reports of the regions on their spending. "
    "It asked for better figures and thanked the staff of all of them for their patience. "
)
ALIGNED = [72.0, 300.0, 380.0, 460.0]
FIGURES = [
    ["Region", "2001", "2002", "2003"],
    ["North", "1,200", "1,340", "1,500"],
    ["South", "900", "880", "901"],
    ["Total", "2,100", "2,220", "2,401"],
]


def prose(sheet: Sheet, top: float, lines: int, x: float = 72, letters: int = 90) -> None:
    text = PROSE * 3
    for number in range(lines):
        start = number * 13 % len(PROSE)
        sheet.text(x, top + number * 11, text[start : start + letters].strip())


def test_lines_that_part_some_cells_only_make_spans(parts_on):
    sheet = Sheet()
    xs, ys = [72.0, 200.0, 280.0, 360.0], [100.0, 116.0, 132.0, 148.0]
    for y in (100, 132, 148):
        sheet.line(72, y, 360, y)
    sheet.line(200, 116, 360, 116)
    for x in (72, 200, 360):
        sheet.line(x, ys[0], x, ys[-1])
    sheet.line(280, 116, 280, 148)
    for x, y, text in [(76, 120, "Country"), (250, 112, "Share"), (204, 128, "1993")]:
        sheet.text(x, y, text)
    for x, text in zip(xs, ["Finland", "12", "14"], strict=False):
        sheet.text(x + 4, 144, text)
    sheet.text(284, 128, "1996")
    [part] = parts_on(sheet)
    spans = {cell.text: (cell.rowspan, cell.colspan) for cell in part.grid.cells}
    assert spans["Country"] == (2, 1)
    assert spans["Share"] == (1, 2)
    assert part.grid.headers == 2
    assert part.grid.rows()[-1] == ["Finland", "12", "14"]


def test_rows_of_figures_without_lines_between_them_are_parted(parts_on):
    sheet = Sheet()
    sheet.lattice([72, 200, 300, 400], [100, 116, 180])
    sheet.columns([76, 296, 396], 112, [["Country", "Fund", "Total"]])
    rows = [["Cyprus", "0.2", "0.2"], ["Malta", "0.3", "0.7"], ["Poland", "22", "55"]]
    sheet.columns([76, 296, 396], 128, rows, step=14)
    [part] = parts_on(sheet)
    assert part.grid.rows() == [["Country", "Fund", "Total"], *rows]


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        ([["Cyprus and the"], ["islands", "4", "9"]], [["Cyprus and the islands", "4", "9"]]),
        ([["Cyprus and the", "4", "9"], ["islands"]], [["Cyprus and the islands", "4", "9"]]),
        (
            [["Islands:"], ["of which Cyprus", "4", "9"]],
            [["Islands:", "", ""], ["of which Cyprus", "4", "9"]],
        ),
        ([["Cyprus", "4", "9"], ["of which north", "1", "2"]],) * 2,
        ([["Islands"], ["Cyprus", "4", "9"]], [["Islands", "", ""], ["Cyprus", "4", "9"]]),
    ],
    ids=["figures below", "figures above", "after a colon", "a part", "a new beginning"],
)
def test_a_label_that_wraps_is_one_row_with_figures_beside_either_line(parts_on, lines, rows):
    sheet = Sheet()
    sheet.lattice([72, 200, 300, 400], [100, 116, 190])
    head, first, last = ["Country", "Fund", "Total"], ["Malta", "3", "7"], ["Poland", "22", "55"]
    sheet.columns([76, 296, 396], 112, [head])
    sheet.columns([76, 296, 396], 128, [first, *lines, last], step=14)
    [part] = parts_on(sheet)
    assert part.grid.rows() == [head, first, *rows, last]


def test_text_that_wraps_in_a_ruled_cell_stays_whole(parts_on):
    sheet = Sheet()
    sheet.lattice([72, 200, 400], [100, 116, 140, 164])
    for x, y, text in [
        *((76, 112, "Step"), (204, 112, "What is done")),
        *((76, 126, "Design of"), (76, 136, "the plan"), (204, 126, "The council asks")),
        *((204, 136, "everyone"), (76, 150, "Building"), (204, 150, "A firm builds")),
        (204, 160, "and the council pays"),
    ]:
        sheet.text(x, y, text)
    [part] = parts_on(sheet)
    assert part.grid.rows()[1:] == [
        ["Design of the plan", "The council asks everyone"],
        ["Building", "A firm builds and the council pays"],
    ]


def test_columns_marked_in_the_heading_only_hold_for_the_rows_below(parts_on):
    sheet = Sheet()
    sheet.lattice([72, 200, 300, 400], [100, 116])
    for y in (132, 148, 164):
        sheet.line(72, y, 400, y)
    for x in (72, 400):
        sheet.line(x, 116, x, 164)
    texts = [["Country", "Men", "Women"], ["Austria", "86", "14"], ["Malta", "96", "4"]]
    for number, row in enumerate([*texts, ["All of them", "91", "9"]]):
        for x, text in zip([76, 204, 304], row, strict=True):
            sheet.text(x, 112 + number * 16, text)
    [part] = parts_on(sheet)
    assert part.grid.rows() == [*texts, ["All of them", "91", "9"]]


def test_rules_across_only_make_a_table_whose_headings_span(parts_on):
    sheet = Sheet()
    prose(sheet, 80, 6)
    for y in (180, 208, 250):
        sheet.line(72, y, 520, y)
    sheet.text(345, 190, "Men")
    sheet.text(460, 190, "Women")
    sheet.line(280, 193, 400, 193)
    sheet.line(410, 193, 520, 193)
    xs = [72.0, 320.0, 400.0, 460.0, 520.0]
    rows = [["Alabama", "1,200", "12.0", "1,340", "15.0"], ["Alaska", "900", "9.1", "880", "9.8"]]
    names = ["State", "Number", "Percent", "Number", "Percent"]
    sheet.columns(xs, 204, [names, *rows], step=15)
    prose(sheet, 300, 8)
    [part] = parts_on(sheet)
    assert part.grid.rows() == [["", "Men", "Men", "Women", "Women"], names, *rows]
    assert part.grid.headers == 2


def test_a_table_without_lines_is_found_between_paragraphs(parts_on):
    sheet = Sheet()
    prose(sheet, 80, 6)
    sheet.text(72, 170, "Table 4: Visitors by region")
    sheet.columns(ALIGNED, 190, FIGURES)
    prose(sheet, 280, 8)
    [part] = parts_on(sheet)
    assert part.grid.rows() == FIGURES
    assert part.caption == "Table 4: Visitors by region"


def test_a_label_of_two_lines_without_lines_around_it_is_one_row(parts_on):
    sheet = Sheet()
    rows = [*FIGURES[:3], ["East and the", "", "", ""], [" outer islands", "77", "80", "91"]]
    sheet.columns(ALIGNED, 190, [*rows, FIGURES[3]])
    [part] = parts_on(sheet)
    assert part.grid.rows()[3] == ["East and the outer islands", "77", "80", "91"]
    assert part.grid.rows()[4] == FIGURES[3]


def two_columns(sheet: Sheet) -> None:
    for x in (72, 320):
        prose(sheet, 80, 50, x, letters=44)


def contents(sheet: Sheet) -> None:
    for number in range(20):
        sheet.text(72, 110 + number * 14, f"{number + 1}. On towns {'.' * 50}")
        sheet.text(500, 110 + number * 14, str(3 + number * 4), right=True)


def numbered_list(sheet: Sheet) -> None:
    for number in range(8):
        sheet.text(72, 190 + number * 12, f"{number + 1}.")
        sheet.text(90, 190 + number * 12, "An item of a list that says something of use to all")


def letterhead(sheet: Sheet) -> None:
    left, right = ["Acme", "12 High Street", "Springfield"], ["Invoice 7", "12 May 2006", "Page 1"]
    for number, texts in enumerate(zip(left, right, strict=True)):
        for x, text in zip((72, 400), texts, strict=True):
            sheet.text(x, 90 + number * 12, text)
    prose(sheet, 200, 20)


def box_of_prose(sheet: Sheet) -> None:
    sheet.lattice([60, 540], [70, 200])
    prose(sheet, 90, 8)


def chart(sheet: Sheet) -> None:
    for number, at in enumerate((110, 170, 190, 250)):
        sheet.lattice([72, at, 320, 400], [100 + 30 * number, 120 + 30 * number])
        sheet.text(at - 12, 114 + 30 * number, "30.4", size=9)


@pytest.mark.parametrize(
    "draw", [two_columns, contents, numbered_list, letterhead, box_of_prose, chart]
)
def test_what_is_only_set_like_a_table_is_none(parts_on, draw):
    sheet = Sheet()
    draw(sheet)
    assert parts_on(sheet) == []


def test_a_table_survives_the_way_out_of_the_worker(tmp_path: Path):
    sheet = Sheet()
    sheet.ruled([72, 200, 300, 400, 500], 100, FIGURES)
    path = write_pdf(tmp_path / "page.pdf", sheet)
    [page] = read_pages(path)
    [told], [part] = read_tables_of(path), parts_of(page)
    again = part_of(told)
    assert again.grid.rows() == part.grid.rows() == FIGURES
    assert again.grid.headers == part.grid.headers
