"""What is aligned like a table and is none."""

import pytest

from rag_pipelines.documents.tables_evidence import is_aligned_table
from rag_pipelines_tests.grids import grid_of_rows

CONTENTS = [
    ["1", "Introduction", "2"],
    ["1.1", "What is measured", "2"],
    ["1.2", "Where and by whom", "5"],
    ["2", "The ponds", "11"],
    ["A.1", "Addresses", "40"],
]


def is_table(rows: list[list[str]], numbered: bool = False) -> bool:
    return is_aligned_table(grid_of_rows(rows, 0), numbered)


def with_last(*pages: str) -> list[list[str]]:
    return [[*row[:-1], page] for row, page in zip(CONTENTS, pages, strict=True)]


def test_sections_with_pages_that_never_go_back_are_no_table():
    assert not is_table(CONTENTS)
    assert not is_table([[f"{number} {title}", page] for number, title, page in CONTENTS])


def test_where_a_caption_says_so_they_are_one():
    assert is_table(CONTENTS, numbered=True)


@pytest.mark.parametrize(
    "rows",
    [
        with_last("2", "12", "5", "11", "40"),
        with_last("2", "2.5", "5", "11", "40"),
        with_last("2", "5", "11", "40", "12,000"),
        [["Pond", *row[1:]] for row in CONTENTS],
        [CONTENTS[1], *(["Pond", *row[1:]] for row in CONTENTS[2:]), ["Lake", "None", "41"]],
        [[str(rank), *row[1:]] for rank, row in enumerate(CONTENTS, 1)],
        CONTENTS[:3],
    ],
    ids=[
        "go back",
        "a fraction",
        "thousands",
        "no numbers",
        "one number",
        "ranks only",
        "three rows",
    ],
)
def test_other_rows_of_figures_are_a_table(rows: list[list[str]]):
    assert is_table(rows)
