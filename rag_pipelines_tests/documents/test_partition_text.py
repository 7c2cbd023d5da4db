"""Plain text: what is no heading by a sign of its own stays text that can be quoted."""

from pathlib import Path

import pytest

from rag_pipelines.documents.file_types import TEXT
from rag_pipelines.documents.partition_office import partition_office
from rag_pipelines.documents.partition_text import elements_of_text

SENTENCE = "The reservoir behind the dam holds the winter rain of four valleys."


def read(text: str) -> list[tuple[str, str]]:
    return [(element["kind"], element["text"]) for element in elements_of_text(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Ask Anna",
        "Pump: 3.2 bar",
        "The key of the pump hangs in the shed",
        "Opening hours: Monday to Friday, 9 to 5",
        "المفتاح معلق في الغرفة",
        "钥匙在棚子里",
        "5 May 2025",
    ],
)
def test_a_short_paragraph_is_no_heading(text: str):
    found = read(f"{text}\n\n{SENTENCE}\n\n{text}\n")
    assert found[1] == ("NarrativeText", SENTENCE)
    assert {kind for kind, _ in found} <= {"NarrativeText", "UncategorizedText"}
    assert [said for _, said in found] == [text, SENTENCE, text]


@pytest.mark.parametrize(
    ("text", "heading", "depth"),
    [
        ("POND SURVEY", "POND SURVEY", 0),
        ("Pond survey\n===========", "Pond survey", 0),
        ("Results\n-------", "Results", 1),
        ("2.3.1 Results of spring", "2.3.1 Results of spring", 2),
        ("Chapter 4: Results", "Chapter 4: Results", 0),
        ("Anhang B", "Anhang B", 0),
    ],
)
def test_a_heading_is_underlined_in_capitals_numbered_or_called_one(
    text: str, heading: str, depth: int
):
    first, second = elements_of_text(f"{text}\n\n{SENTENCE}\n")
    assert (first["kind"], first["text"], first.get("depth")) == ("Title", heading, depth)
    assert second["text"] == SENTENCE
    assert read(f"{SENTENCE}\n\n{text}\n\n{SENTENCE}")[1] == ("Title", heading)


def test_an_underlined_heading_needs_no_blank_line_around_it():
    found = read(f"One\n===\n{SENTENCE}\nTwo\n---\n{SENTENCE}\n")
    assert found == [
        ("Title", "One"),
        ("NarrativeText", SENTENCE),
        ("Title", "Two"),
        ("NarrativeText", SENTENCE),
    ]


def test_lists_are_items_and_the_lines_of_an_item_are_one():
    found = read("To do:\n- fill the\n  bottle\n* close\n1. first\n2) second\n\n• alone\n")
    assert found == [
        ("UncategorizedText", "To do:"),
        ("ListItem", "fill the bottle"),
        ("ListItem", "close"),
        ("ListItem", "1. first"),
        ("ListItem", "2) second"),
        ("ListItem", "alone"),
    ]


def test_a_line_of_prose_that_begins_with_a_number_is_no_item():
    text = "The dam was finished and opened by the mayor on the\n12. March, and it rained that day."
    assert read(text) == [("NarrativeText", " ".join(text.split()))]


def test_words_broken_at_a_lines_end_are_mended_unless_their_hyphen_is_meant():
    text = "The reser-\nvoir is well-\nknown to all.\n\nA well-known valley is below it."
    first, _ = read(text)
    assert first[1] == "The reservoir is well-known to all."


def test_paragraphs_of_any_system_and_form_feeds_are_paragraphs():
    assert [text for _, text in read("one\r\n\r\ntwo\r\rthree\n \t\nfour\ffive")] == [
        "one", "two", "three", "four", "five"
    ]  # fmt: skip
    assert read("\n\n \n") == read("") == []


GERMAN = "Der Schlüssel für die größere Tür hängt über der Mühle."
FRENCH = "L'été dernier, à Besançon, les élèves ont mangé où ils voulaient et sans aucune gêne."
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy nad řekou, která tekla údolím až k městu."
JAPANESE = "ダムの後ろの貯水池は四つの谷の冬の雨を集めます。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "cp1252"),
        (FRENCH, "cp1252"),
        (CZECH, "cp1250"),
        (JAPANESE, "shift_jis"),
    ],
)
def test_text_is_read_in_the_encoding_that_it_is_in(tmp_path: Path, text: str, encoding: str):
    path = tmp_path / "document"
    path.write_text(f"{text}\n", encoding)
    assert partition_office(path, TEXT)["elements"][0]["text"] == text
