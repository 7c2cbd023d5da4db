"""A summariser says what a table holds: once, beside what is said without it, and never alone."""

from pathlib import Path

import pytest

from rag_pipelines.documents.table_text import lines_of
from rag_pipelines.documents.tables import read_tables
from rag_pipelines.documents.tables_summarised import summarised
from rag_pipelines.errors import ConfigError, ModelError, ModelUnavailable
from rag_pipelines.inference.summarisers import summariser_for
from rag_pipelines.records import DocumentTable, Element
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.inference import tiny_models

PARCELS, WARRANTY = tiny_models.TOLD[1][1], tiny_models.TOLD[0][1]
HTML = (
    "<table><caption>Warranty</caption><tr><th>Item</th><th>Years</th></tr>"
    "<tr><td>kettle</td><td>seven</td></tr><tr><td>batteries</td><td>two</td></tr></table>",
    "<table><caption>Parcels</caption><tr><th>To</th><th>Days</th></tr>"
    "<tr><td>islands</td><td>eleven</td></tr></table>",
)


class Counting:
    """A summariser that counts what it is asked, and fails as often as it is told to."""

    def __init__(self, version: str = "1", failures: int = 0) -> None:
        self.name, self.fingerprint = "fake:counting", f"fake:counting {version}"
        self.asked: list[str] = []
        self._failures = failures

    def summarise(self, text: str) -> str:
        self.asked.append(text)
        if len(self.asked) <= self._failures:
            raise ModelError("fake:counting: out of order")
        return f"summary {len(self.asked)}"


class Absent:
    name = "fake:counting"

    @property
    def fingerprint(self) -> str:
        raise ModelUnavailable("fake:counting: is not there")

    def summarise(self, text: str) -> str:
        raise AssertionError("it cannot be asked")


def tables(*html: str) -> list[DocumentTable]:
    """Tables of a slide each, and a document without one."""
    elements = [
        Element(
            id=str(number),
            source="reports",
            document=f"{number:064}",
            url=f"file:{number}.pptx",
            title="Deck",
            media_type="application/vnd.ms-powerpoint",
            kind="Table" if told else "Title",
            text="",
            position=0,
            html=told,
        )
        for number, told in enumerate([*html, ""])
    ]
    return read_tables(elements, Blobs("memory://none"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"seq2seq:{tiny_models.trained_summariser(tmp_path_factory.mktemp('seq2seq'))}"


def test_a_table_has_the_models_summary_and_its_name(model: str):
    found = summarised(tables(*HTML), summariser_for(model))
    assert [table.summary for table in found.tables] == [WARRANTY, PARCELS, ""]
    assert [table.summariser.split()[0] for table in found.tables[:2]] == [model, model]
    assert (found.tables[2].summariser, found.problem) == ("", "")


def test_the_summary_without_a_model_stays_beside_it_and_the_origin_is_told(model: str):
    found = summarised(tables(*HTML), summariser_for(model)).tables[0]
    before = [line.text for line in lines_of(tables(*HTML)[0])]
    after = [line.text for line in lines_of(found)]
    assert after == [before[0], f"Summary by a model: {WARRANTY}", *before[1:]]


def test_without_a_summariser_nothing_changes_and_what_one_said_is_taken_back(model: str):
    plain = tables(*HTML)
    assert summarised(plain, None).tables == plain
    said = summarised(plain, summariser_for(model)).tables
    assert summarised(said, None).tables == plain


def test_an_id_does_not_depend_on_the_summariser():
    said = summarised(tables(*HTML), Counting()).tables
    assert [table.id for table in said] == [table.id for table in tables(*HTML)]


def test_the_same_model_is_not_asked_again_and_another_version_is():
    first = summarised(tables(*HTML), Counting()).tables
    same, other = Counting(), Counting("2")
    assert summarised(tables(*HTML), same, first).tables == first
    assert same.asked == []
    again = summarised(first, other, first).tables
    assert len(other.asked) == 2
    assert {table.summariser for table in again[:2]} == {"fake:counting 2"}


def test_a_table_that_changed_is_the_only_one_that_is_asked_about():
    first = summarised(tables(*HTML), Counting()).tables
    summariser = Counting()
    changed = tables(HTML[0], HTML[1].replace("eleven", "twelve"))
    assert [t.summary for t in summarised(changed, summariser, first).tables] == [
        "summary 1",
        "summary 1",
        "",
    ]
    [asked] = summariser.asked
    assert "twelve" in asked


def test_a_table_that_stands_twice_is_asked_about_once():
    summariser = Counting()
    found = summarised(tables(HTML[0], HTML[0]), summariser).tables
    assert len(summariser.asked) == 1
    assert found[0].summary == found[1].summary == "summary 1"


def test_a_failure_leaves_the_summary_without_a_model_and_is_made_good_later():
    plain = tables(*HTML)
    found = summarised(plain, Counting(failures=1))
    assert [t.summary for t in found.tables] == [plain[0].summary, "summary 2", ""]
    assert "out of order" in found.problem
    later = Counting()
    mended = summarised(plain, later, found.tables)
    assert [t.summary for t in mended.tables] == ["summary 1", "summary 2", ""]
    assert (len(later.asked), mended.problem) == (1, "")


def test_two_failures_in_a_row_are_the_last_that_are_asked_for_in_a_run():
    many = [HTML[1].replace("eleven", str(number)) for number in range(5)]
    summariser = Counting(failures=5)
    assert summarised(tables(*many), summariser).tables == tables(*many)
    assert len(summariser.asked) == 2


def test_while_the_model_is_not_there_what_it_said_is_kept():
    first = summarised(tables(HTML[0]), Counting()).tables
    found = summarised(tables(*HTML), Absent(), first)
    assert found.tables[0] == first[0]
    assert found.tables[1] == tables(*HTML)[1]
    assert "is not there" in found.problem


@pytest.mark.parametrize("name", ["seq2seq:", "ollama:x", "bart", "seq2seq:x@http://127.0.0.1:1"])
def test_a_name_that_means_no_summariser_is_refused(name: str):
    with pytest.raises(ConfigError, match="summariser"):
        summariser_for(name)


def test_a_model_of_another_kind_is_told_and_the_tables_are_summarised_without(tmp_path: Path):
    folder = tiny_models.reader(tmp_path)
    found = summarised(tables(*HTML), summariser_for(f"seq2seq:{folder}"))
    assert found.tables == tables(*HTML)
    assert "BertForQuestionAnswering" in found.problem


def test_a_model_that_writes_nothing_is_an_error(tmp_path: Path):
    silent = summariser_for(f"seq2seq:{tiny_models.seq2seq_model(tmp_path)}")
    with pytest.raises(ModelError, match="is it a summariser"):
        silent.summarise("Any table.")
