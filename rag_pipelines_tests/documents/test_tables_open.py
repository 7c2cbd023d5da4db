"""Tables without a full frame: narrow columns, wrapped labels, leaders, rows of words."""

import pytest

from rag_pipelines.documents.tables_numbers import are_two_figures, may_be_one_figure
from rag_pipelines_tests.documents.drawn_pdf import Sheet

NARROW = [72.0, 240.0, 277.0, 314.0]
RULES = 72.0, 400.0
HEAD = ["State", "Rate", "2008", "2009"]
FIGURES = [
    ["Alabama", "(1,200)", "$11,340", "(X)"],
    ["Nevada", "98,200", "($880)", "34,901"],
    ["Ohio", "(2,100)", "(2,220)", "$19,001"],
    ["Texas", "-", "$52,220", "(2,401)"],
]
WORDS = [
    ["Survey", "Monthly", "State agency"],
    ["Census", "Every ten years", "Field office"],
    ["Audit", "On request", "No agency"],
]


def across(sheet: Sheet, *heights: float) -> None:
    for y in heights:
        sheet.line(RULES[0], y, RULES[1], y)


def words(sheet: Sheet, top: float, rows: list[list[str]]) -> None:
    for number, row in enumerate(rows):
        for x, text in zip((74, 180, 290), row, strict=True):
            sheet.text(x, top + number * 14, text)


def test_columns_of_figures_a_narrow_gap_apart_are_several(parts_on):
    sheet = Sheet()
    across(sheet, 100, 116, 180)
    sheet.columns(NARROW, 112, [HEAD])
    sheet.columns(NARROW, 130, FIGURES)
    [part] = parts_on(sheet)
    assert part.grid.rows() == [HEAD, *FIGURES]


@pytest.mark.parametrize(
    ("left", "right", "two"),
    [
        ("1,200", "980", True),
        ("(664)", "($12)", True),
        ("NA", "7", True),
        ("Q2", "2006", False),
        ("22,", "57", False),
    ],
)
def test_figures_side_by_side_are_several_where_neither_is_part_of_a_text(left, right, two):
    assert are_two_figures(left, right) is two


def test_only_groups_of_three_digits_may_go_on_a_figure():
    assert may_be_one_figure("12", "345")
    assert not may_be_one_figure("12,001", "345")
    assert not may_be_one_figure("12", "3456")


def test_a_wrapped_label_is_one_row_with_the_figures_at_its_middle(parts_on):
    sheet = Sheet()
    across(sheet, 100, 116, 200)
    sheet.columns(NARROW, 112, [HEAD])
    sheet.columns(NARROW, 130, FIGURES[:2], step=20)
    sheet.text(72, 165, "White alone, not")
    sheet.text(72, 175, "Hispanic")
    sheet.columns(NARROW, 170, [["", *FIGURES[2][1:]]])
    sheet.columns(NARROW, 192, FIGURES[3:])
    [part] = parts_on(sheet)
    assert [row[0] for row in part.grid.rows()][3:] == ["White alone, not Hispanic", "Texas"]


def test_lines_between_all_rows_tell_the_rows(parts_on):
    sheet = Sheet()
    across(sheet, 100, 116, 132, 164, 180, 196)
    sheet.columns(NARROW, 112, [HEAD])
    sheet.columns(NARROW, 128, FIGURES[:1])
    for y, text in ((140, "Grants to"), (150, "State and"), (160, "Local governments")):
        sheet.text(72, y, text)
    sheet.columns(NARROW, 160, [["", *FIGURES[1][1:]]])
    sheet.columns(NARROW, 176, FIGURES[2:], step=16)
    [part] = parts_on(sheet)
    labels = ["State", "Alabama", "Grants to State and Local governments", "Ohio", "Texas"]
    assert [row[0] for row in part.grid.rows()] == labels


@pytest.mark.parametrize("leader", ["." * 30, " ." * 16])
def test_leaders_part_labels_from_figures_and_are_no_text(parts_on, leader):
    sheet = Sheet()
    across(sheet, 100, 116, 180)
    sheet.columns(NARROW, 112, [HEAD])
    for number, row in enumerate(FIGURES):
        label = f"{row[0]}{leader}"
        sheet.text(72, 130 + number * 12, label[:28])
    sheet.columns(NARROW, 130, [["", *row[1:]] for row in FIGURES])
    [part] = parts_on(sheet)
    assert part.grid.rows() == [HEAD, *FIGURES]


def test_rows_of_figures_without_any_line_are_a_table(parts_on):
    sheet = Sheet()
    sheet.columns(NARROW, 130, FIGURES)
    sheet.text(72, 200, "These are the figures that the bureau has told, and it will tell others.")
    [part] = parts_on(sheet)
    assert part.grid.rows() == FIGURES


def test_contents_with_numbers_before_and_behind_are_no_table(parts_on):
    sheet = Sheet()
    for number in range(8):
        sheet.text(72, 130 + number * 12, str(number + 1))
        sheet.text(100, 130 + number * 12, f"Of town {'abcdefgh'[number]}")
        sheet.text(300, 130 + number * 12, str(4 * number + 3), right=True)
    assert not [part for part in parts_on(sheet) if part.grid.width > 3]


def test_rows_of_words_between_lines_are_a_table_below_their_heading(parts_on):
    sheet = Sheet()
    across(sheet, 100, 116, 172)
    words(sheet, 112, [["Kind", "Interval", "Done by"]])
    words(sheet, 130, WORDS)
    [part] = parts_on(sheet)
    assert part.grid.rows() == [["Kind", "Interval", "Done by"], *WORDS]
    assert part.grid.headers == 1


def test_words_that_wrap_in_their_cells_stay_in_their_rows(parts_on):
    sheet = Sheet()
    across(sheet, 100, 116, 190)
    words(sheet, 112, [["Kind", "Interval", "Done by"]])
    for top, (one, other, third) in zip((130, 158), WORDS, strict=False):
        words(sheet, top, [[one, other, third]])
        sheet.text(180, top + 10, "As the law asks")
    [part] = parts_on(sheet)
    assert part.grid.rows()[1] == ["Survey", "Monthly As the law asks", "State agency"]
    assert part.grid.height == 3


def test_words_below_a_title_between_lines_are_no_table(parts_on):
    sheet = Sheet()
    across(sheet, 100, 116, 172)
    for number, word in enumerate(["Example", "Fifteen", "Defines", "Several", "Letters"]):
        sheet.text(130 + 36 * number, 112, word)
    words(sheet, 130, WORDS)
    assert parts_on(sheet) == []
