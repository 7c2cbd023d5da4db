"""Tables without any line: rows of figures, headings over them, what stands around them."""

import pytest

from rag_pipelines_tests.documents.drawn_pdf import Sheet

XS = [72.0, 230.0, 290.0, 350.0]
ROWS = [
    ["Alabama", "1,200", "34", "5.1"],
    ["Nevada", "980", "19", "2.4"],
    ["Ohio", "2,100", "45", "7.7"],
    ["Texas", "12", "61", "8.0"],
]
PROSE = [
    "the figures that the bureau tells are of the",
    "year before the last and will be told again in",
    "the spring of each year when all states have",
    "sent what they know of the towns and farms to",
    "the bureau.",
]


def centred(sheet: Sheet, x: float, y: float, text: str) -> None:
    sheet.text(x - len(text) * 2.4, y, text)


def rows_of(parts) -> list[list[list[str]]]:
    return [part.grid.rows() for part in parts]


def test_a_paragraph_beside_a_table_is_no_part_of_it(parts_on):
    sheet = Sheet()
    sheet.columns(XS[:3], 130, [row[:3] for row in ROWS])
    for number, line in enumerate(PROSE):
        sheet.text(330, 128 + number * 11, line)
    assert rows_of(parts_on(sheet)) == [[row[:3] for row in ROWS]]


@pytest.mark.parametrize("down", [0, 4])
def test_tables_beside_each_other_are_two(parts_on, down):
    """Where their rows stand at other heights, and where each has a title of its own."""
    sheet = Sheet()
    for x, y, title in ((72, 130, "Towns and farms"), (330, 130 + down, "Rivers and lakes")):
        sheet.text(x, y - 16, title)
        sheet.columns([x, x + 130, x + 180], y, [row[:3] for row in ROWS])
    assert rows_of(parts_on(sheet)) == [[row[:3] for row in ROWS]] * 2


def test_the_unit_of_all_figures_stands_over_all_of_them(parts_on):
    sheet = Sheet()
    for x, text in ((220, "Farms"), (280, "Towns"), (340, "Share")):
        centred(sheet, x, 108, text)
    centred(sheet, 278, 118, "(In millions)")
    sheet.columns(XS, 132, ROWS)
    [grid] = rows_of(parts_on(sheet))
    assert grid[:2] == [["", "Farms", "Towns", "Share"], ["", *["(In millions)"] * 3]]


def test_a_heading_centred_over_two_columns_spans_them(parts_on):
    sheet = Sheet()
    centred(sheet, 306, 108, "All schools")
    for x, text in ((218, "Farms"), (278, "Towns"), (338, "Share")):
        centred(sheet, x, 120, text)
    sheet.columns(XS, 132, ROWS)
    [grid] = rows_of(parts_on(sheet))
    assert grid[0] == ["", "", "All schools", "All schools"]


def test_headings_above_the_same_headings_span_one_set_each(parts_on):
    xs = [72.0, *(180.0 + 50 * number for number in range(6))]
    sheet = Sheet()
    for x, text in ((221, "1995"), (371, "2000")):
        centred(sheet, x, 108, text)
    for number, text in enumerate(("Men", "Women", "All") * 2):
        centred(sheet, 171 + 50 * number, 120, text)
    figures = [str(number) for number in range(31, 37)]
    sheet.columns(xs, 132, [[name, *figures] for name in ("Ohio", "Texas", "Utah")])
    [grid] = rows_of(parts_on(sheet))
    assert grid[0] == ["", "1995", "1995", "1995", "2000", "2000", "2000"]


def test_as_many_headings_as_columns_are_theirs_however_far_from_the_figures(parts_on):
    sheet = Sheet()
    sheet.text(72, 118, "State")
    sheet.text(210, 118, "Farms")
    sheet.columns([72, 330], 132, [row[:2] for row in ROWS])
    assert rows_of(parts_on(sheet))[0][0] == ["State", "Farms"]


def test_headings_of_several_lines_are_one_and_years_above_figures_no_row(parts_on):
    sheet = Sheet()
    sheet.columns(XS, 110, [["", "Rate per", "", ""], ["", "1,000", "2001", "2002"]], step=10)
    sheet.columns(XS, 132, ROWS)
    [part] = parts_on(sheet)
    assert part.grid.rows()[0] == ["", "Rate per 1,000", "2001", "2002"]
    assert part.grid.height == 5


def test_a_title_centred_over_the_whole_table_is_no_heading(parts_on):
    sheet = Sheet()
    centred(sheet, 212, 100, "Farms and towns")
    sheet.columns(XS, 116, [["State", "Farms", "Towns", "Share"], *ROWS])
    assert rows_of(parts_on(sheet)) == [[["State", "Farms", "Towns", "Share"], *ROWS]]


def test_a_note_and_a_title_part_tables_below_each_other(parts_on):
    sheet = Sheet()
    sheet.columns(XS, 130, ROWS)
    sheet.text(72, 180, "Note: Figures are rounded.")
    sheet.text(72, 196, "Towns and what they hold")
    sheet.columns(XS, 210, [["State", "Farms", "Towns", "Share"], *ROWS])
    assert [len(grid) for grid in rows_of(parts_on(sheet))] == [4, 5]


def test_a_label_of_several_lines_is_one_row_with_its_figures(parts_on):
    sheet = Sheet()
    sheet.columns(XS, 130, ROWS[:2], step=18)
    sheet.text(72, 166, "South")
    sheet.columns(XS, 175, [["Dakota", *ROWS[2][1:]]])
    sheet.columns(XS, 193, ROWS[3:])
    assert [row[0] for row in rows_of(parts_on(sheet))[0]][2:] == ["South Dakota", "Texas"]


def test_labels_at_two_depths_are_one_column(parts_on):
    sheet = Sheet()
    for number, (year, x, label) in enumerate(
        (("1991", 120, "Men"), ("", 160, "Total"), ("1996", 120, "Men"), ("", 160, "Total"))
    ):
        sheet.text(72, 130 + 12 * number, year)
        sheet.text(x, 130 + 12 * number, label)
        sheet.columns(XS, 130 + 12 * number, [["", *ROWS[number][1:]]])
    [grid] = rows_of(parts_on(sheet))
    assert [row[:3] for row in grid[:2]] == [["1991", "Men", "1,200"], ["", "Total", "980"]]


def test_figures_at_equal_steps_beside_letters_are_an_axis(parts_on):
    sheet = Sheet()
    for number, word in enumerate(["share", "of all", "towns", "in the", "state"]):
        sheet.columns([72, 130], 130 + 20 * number, [[word, f"{80 - 20 * number}"]])
    assert parts_on(sheet) == []


def test_titles_and_pages_without_a_heading_are_contents(parts_on):
    sheet = Sheet()
    titles = ["Of farms", "Of towns", "Of rivers", "Of lakes", "Of woods"]
    pages = [[title, str(3 * number + 2)] for number, title in enumerate(titles)]
    sheet.columns([72, 400], 130, pages)
    assert parts_on(sheet) == []


def words_in_columns(caption: str) -> Sheet:
    sheet = Sheet()
    sheet.text(72, 100, caption)
    rows = [
        ["Survey", "Interval", "Done by"],
        ["Census", "Every ten years", "Field office"],
        ["Audit", "On request", "No agency"],
        ["Count", "Monthly", "State agency"],
    ]
    for number, row in enumerate(rows):
        for x, text in zip((72, 180, 300), row, strict=True):
            sheet.text(x, 116 + 14 * number, text)
    sheet.text(72, 196, "Source: the bureau.")
    return sheet


def test_words_in_columns_are_a_table_below_a_caption_that_numbers_it(parts_on):
    [part] = parts_on(words_in_columns("Table 4. Surveys"))
    assert part.grid.height == 4
    assert part.grid.rows()[2] == ["Audit", "On request", "No agency"]


def test_words_in_columns_without_such_a_caption_are_none(parts_on):
    assert parts_on(words_in_columns("Surveys and others")) == []


def test_one_row_below_a_heading_is_a_table_where_a_caption_numbers_it(parts_on):
    sheet = Sheet()
    sheet.text(72, 100, "Table 8: Persons in training")
    sheet.columns(XS, 116, [["", "2001", "2002", "2003"], ["In training", "29,300", "25", "33"]])
    [grid] = rows_of(parts_on(sheet))
    assert grid[1] == ["In training", "29,300", "25", "33"]


def test_a_heading_above_the_first_of_the_lines_belongs_to_the_table(parts_on):
    sheet = Sheet()
    sheet.columns(XS, 112, [["State", "Farms", "Towns", "Share"]])
    sheet.columns(XS, 130, ROWS, step=16)
    for number in range(5):
        sheet.line(72, 118 + 16 * number, 350, 118 + 16 * number)
    [part] = parts_on(sheet)
    assert part.engine == "open"
    assert part.grid.rows()[0] == ["State", "Farms", "Towns", "Share"]
