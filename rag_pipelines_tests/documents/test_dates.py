"""Calendar dates, however a language writes them, as ISO does."""

import pytest

from rag_pipelines.documents.dates import dates_in


@pytest.mark.parametrize(
    "text",
    [
        "on 12 March 2024.",
        "March 12th, 2024",
        "Mar. 12, 2024",
        "am 12. März 2024",
        "12.03.2024",
        "2024-03-12",
        "le 12 mars 2024",
        "el 12 de marzo de 2024",
        "12 maart 2024",
        "于2024年3月12日",
    ],
)
def test_a_day_is_told_with_its_month_and_year(text: str):
    assert dates_in(text) == ["2024", "2024-03", "2024-03-12"]


@pytest.mark.parametrize("text", ["in March 2024", "im März 2024", "de marzo de 2024", "2024年3月"])
def test_a_month_is_told_with_its_year(text: str):
    assert dates_in(text) == ["2024", "2024-03"]


@pytest.mark.parametrize(
    "text",
    ["03/04/2024", "12 March", "2024 litres", "version 1.2.2024.5", "2024-13-01", "12.13.2024"],
)
def test_what_is_no_date_or_could_be_two_is_not_told(text: str):
    assert dates_in(text) == []


def test_several_dates_are_told_once_and_in_order():
    text = "From 5 May 2024 to 6 June 2025, and again on 6 June 2025 (31 June 2025 is no day)."
    days = [told for told in dates_in(text) if len(told) == 10]
    assert days == ["2024-05-05", "2025-06-06"]
