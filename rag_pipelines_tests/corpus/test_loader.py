"""A LangChain loader as a source: real loaders, in their own process."""

import json
from pathlib import Path
from typing import Any

import pytest

from rag_pipelines.corpus.loader import scrape_loader
from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.errors import ConfigError
from rag_pipelines.sources import Loader
from rag_pipelines.storage.blobs import Blobs

LETTERS = "rag_pipelines_tests.corpus.letters.LettersLoader"


def load(
    folder: Path,
    letters: list[Any],
    previous: Scrape | None = None,
    denied: tuple[str, ...] = (),
    **fields: Any,
) -> Scrape:
    path = folder / "letters.json"
    path.write_text(json.dumps(letters))
    settings = {"class": LETTERS, "args": {"path": str(path)}, **fields}
    blobs = Blobs(str(folder / "blobs"))
    return scrape_loader("letters", Loader.model_validate(settings), previous, blobs, denied)


def letter(name: str, text: str = "") -> list[Any]:
    return [text or f"# {name}\n\nA letter from {name}.", {"source": f"letters/{name}"}]


def test_documents_become_pages(tmp_path: Path):
    letters = [letter("ada"), ["Plain.", {"source": "b", "title": "Bob"}], ["No source.", {}]]
    scrape = load(tmp_path, letters)
    assert [(page.url, page.title) for page in scrape.pages] == [
        ("b", "Bob"),
        ("letters/ada", "ada"),
        (f"loader:{LETTERS}", "No source."),
    ]
    assert scrape.pages[1].text == "# ada\n\nA letter from ada."
    assert (scrape.counts.pages, scrape.counts.parsed, scrape.counts.new) == (3, 3, 3)


def test_documents_from_one_place_are_numbered_and_pages_named(tmp_path: Path):
    letters = [["One.", {"source": "x"}], ["Two.", {"source": "x"}]]
    letters += [["Three.", {"source": "y", "page": 3}]]
    assert [p.url for p in load(tmp_path, letters).pages] == ["x", "x#2", "y#page=3"]


def test_a_second_load_counts_what_changed(tmp_path: Path):
    first = load(tmp_path, [letter("ada"), letter("bob"), letter("eve")])
    second = load(tmp_path, [letter("ada"), letter("bob", "Other words."), letter("kim")], first)
    counts = second.counts
    assert (counts.new, counts.changed, counts.unchanged, counts.removed) == (1, 1, 1, 1)
    assert counts.parsed == 2
    assert load(tmp_path, [letter("ada")], load(tmp_path, [letter("ada")])).counts.parsed == 0


def test_a_loader_that_breaks_off_keeps_the_pages_of_before(tmp_path: Path):
    first = load(tmp_path, [letter("ada"), letter("bob")])
    second = load(tmp_path, [letter("ada"), None], first)
    assert second.pages == first.pages
    assert second.counts.failed == 2  # the page that was not given again, and the loader
    assert "the archive is closed" in next(e.detail for e in second.ledger if e.url == "loader:")


def test_denied_documents_and_budgets(tmp_path: Path):
    letters = [letter(name) for name in ("ada", "bob", "eve")]
    scrape = load(tmp_path, letters, denied=("letters/ada",), max_pages=1)
    assert [page.url for page in scrape.pages] == ["letters/bob"]
    assert scrape.counts.refused == {"budget": 1, "denied": 1}


def test_equal_documents_are_one_page(tmp_path: Path):
    scrape = load(tmp_path, [letter("ada", "Same words."), letter("bob", "Same words.")])
    assert [page.url for page in scrape.pages] == ["letters/ada"]
    assert scrape.counts.refused == {"same_content_as": 1}


def test_a_loader_that_does_not_end_is_stopped(tmp_path: Path):
    endless = {"class": "rag_pipelines_tests.corpus.letters.Endless", "args": {}}
    scrape = load(tmp_path, [], **endless, max_seconds=5.0)
    assert "max_seconds" in scrape.ledger[0].detail


@pytest.mark.parametrize(
    "fields",
    [
        {"class": "no_such_package.Loader"},
        {"class": "rag_pipelines_tests.corpus.letters.NoSuchLoader"},
        {"args": {"wrong": 1}},
        {"class": "json.JSONDecoder", "args": {}},
    ],
)
def test_a_loader_that_cannot_be_made_is_the_users_mistake(tmp_path: Path, fields: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"sources\.letters\.loader"):
        load(tmp_path, [], **fields)


def test_a_loader_of_langchain_community_works(tmp_path: Path):
    path = tmp_path / "note.txt"
    path.write_text("A note of two words.")
    settings = {
        "class": "langchain_community.document_loaders.TextLoader",
        "args": {"file_path": str(path)},
    }
    loader = Loader.model_validate(settings)
    scrape = scrape_loader("notes", loader, None, Blobs(str(tmp_path / "blobs")))
    assert [(page.url, page.text) for page in scrape.pages] == [(str(path), "A note of two words.")]
