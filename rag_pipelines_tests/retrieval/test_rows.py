"""What a row keeps of a chunk, and which rows a filter lets through."""

from pathlib import Path

import pyarrow as pa
import pytest

from rag_pipelines.records import Chunk, no_progress
from rag_pipelines.retrieval.rows import ROWS, Filters, Rows, write_rows
from rag_pipelines_tests.retrieval.corpus import DIMENSION, SPEC, embedded
from rag_pipelines_tests.retrieval.passage import passage

CELL = passage(
    "| Region: North | Sales: 12 |",
    url="file:reports/2024/sales.pdf",
    kind="table",
    language="en",
    page=3,
    box=[10.0, 20.5, 300.0, 400.0],
    html="<table><tr><td>12</td></tr></table>",
    document="d" * 64,
    entities=["GPE:Portugal", "ORG:Acme: Sales"],
    elements=["e1", "e2"],
)
PICTURE = passage(
    "Ein Stausee.",
    url="https://example.org/reports/2024/dam.pdf",
    kind="figure",
    language="de",
    image="a" * 64,
    entities=["GPE:Portugal"],
)
PAGE = passage("Plain words.", url="https://example.org/blog/one", language="en")


def opened(folder: Path, *chunks: Chunk) -> Rows:
    parts = {"site": lambda: embedded(list(chunks))}
    count = write_rows(folder, parts, SPEC.fingerprint, DIMENSION, (), no_progress)
    return Rows(folder, count, DIMENSION)


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return opened(tmp_path, CELL, PICTURE, PAGE)


def test_every_field_of_a_chunk_comes_back(rows: Rows):
    assert sorted(rows, key=lambda c: c.text) == sorted([CELL, PICTURE, PAGE], key=lambda c: c.text)
    assert rows[rows.positions[CELL.id]] == CELL


@pytest.mark.parametrize(
    ("filters", "let_through"),
    [
        (Filters(), [CELL, PICTURE, PAGE]),
        (Filters(language="EN"), [CELL, PAGE]),
        (Filters(language="fr"), []),
        (Filters(entity="portugal"), [CELL, PICTURE]),
        (Filters(entity="GPE:Portugal"), [CELL, PICTURE]),
        (Filters(entity="ORG:Portugal"), []),
        (Filters(entity="acme: sales"), [CELL]),
        (Filters(entity="Acme"), []),
        (Filters(entity="Portugal", language="de"), [PICTURE]),
        (Filters(path_prefix="/reports/2024/"), [CELL, PICTURE]),
        (Filters(path_prefix="/blog", sources=["site"]), [PAGE]),
        (Filters(sources=["elsewhere"]), []),
    ],
    ids=str,
)
def test_a_filter_lets_through_what_it_names(
    rows: Rows, filters: Filters, let_through: list[Chunk]
):
    kept = [chunk for chunk, allowed in zip(rows, rows.among(filters), strict=True) if allowed]
    assert {chunk.id for chunk in kept} == {chunk.id for chunk in let_through}


def test_rows_of_a_release_from_before_documents_are_read_with_defaults(tmp_path: Path):
    rows = opened(tmp_path, PAGE)
    later = ["document", "box", "image", "entities", "elements"]
    with pa.ipc.open_file(tmp_path / ROWS) as file:
        table = file.read_all().drop_columns(later)
    with pa.ipc.new_file(tmp_path / ROWS, table.schema) as file:
        file.write_table(table)
    older = Rows(tmp_path, len(rows), DIMENSION)
    assert list(older) == [older[0]] == [PAGE]
    assert not older.among(Filters(entity="Portugal")).any()
