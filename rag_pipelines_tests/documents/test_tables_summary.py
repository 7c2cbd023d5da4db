"""A summary says what a column's figures lie between, and only where that is certain."""

import pytest

from rag_pipelines.documents.tables_numbers import number_of
from rag_pipelines.documents.tables_summary import summary_of


def said_of(name: str, *texts: str, caption: str = "") -> str:
    rows = [["Row", name], *([chr(ord("A") + number), text] for number, text in enumerate(texts))]
    return summary_of(rows, headers=1, caption=caption).partition("Rows: ")[2]


@pytest.mark.parametrize(
    ("name", "texts", "caption", "said"),
    [
        ("Base", ("(664)", "(1,020)", "(87)"), "", "Base: from (87) to (1,020)."),
        ("Profit (EUR)", ("3", "(1,200)", "3,400"), "", "from (1,200) to 3,400."),
        ("2024", ("$5", "($12)", "$9"), "", "2024: from ($12) to $9."),
        ("2024", ("5", "(12)", "9"), "Profit in thousands of euros", "2024: from (12) to 9."),
        ("2024", ("-12", "5", "9"), "", "2024: from -12 to 9."),
    ],
    ids=["sizes of samples", "currency in the head", "in the cells", "in the caption", "minus"],
)
def test_brackets_are_a_minus_only_among_bare_figures_of_money(
    name: str, texts: tuple[str, ...], caption: str, said: str
):
    assert said in said_of(name, *texts, caption=caption)


def test_where_brackets_may_be_anything_no_range_is_told():
    """As in a real table of participation rates, whose figures in brackets are estimates."""
    assert said_of("Current level", "79", "57", "(78)", "(59)", "96") == "A, B, C, D, E."


def test_a_figure_in_brackets_alone_has_no_sign():
    assert number_of("(664)") == 664
    assert number_of("(-664)") == -664
