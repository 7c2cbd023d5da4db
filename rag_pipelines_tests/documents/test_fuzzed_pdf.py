"""Row B7: a damaged PDF goes through the whole chain and ends read or with a typed reason."""

from pathlib import Path

import pytest

from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.failures import REASONS
from rag_pipelines.documents.figures import read_figures
from rag_pipelines.documents.files import file_at
from rag_pipelines.documents.tables import read_tables
from rag_pipelines.records import DocumentTable, Figure
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.mutants import MUTATIONS, mutants

WHOLE = (Path(__file__).parents[2] / "examples/documents/field-trial-2025.pdf").read_bytes()
COUNT, SEED = 60, 2
LIMITS = Documents(paths=("*",), ocr="never", max_seconds=20, max_memory_bytes=1 << 30)
LAST = "file:z-whole.pdf"


@pytest.fixture(scope="module")
def damaged() -> dict[str, bytes]:
    return mutants(WHOLE, COUNT, SEED)


@pytest.fixture(scope="module")
def chain(
    damaged: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> tuple[ReadDocuments, list[DocumentTable], list[Figure]]:
    """Every mutant and, after them, the file as it is: read, with their tables and figures."""
    folder = tmp_path_factory.mktemp("fuzzed")
    blobs, files = Blobs(str(folder / "blobs")), []
    for name, data in {**damaged, "z-whole": WHOLE}.items():
        path = folder / f"{name}.pdf"
        path.write_bytes(data)
        files.append(file_at("fuzzed", f"file:{path.name}", path, len(WHOLE) * 10, blobs))
    read = read_elements(files, blobs, settings=LIMITS)
    tables = read_tables(read.elements, blobs, settings=LIMITS)
    return read, tables, read_figures(read.elements, tables, blobs, settings=LIMITS)


def test_every_kind_of_damage_is_done_to_both_forms(damaged: dict[str, bytes]):
    kinds = {name.partition("-")[2] for name in damaged}
    assert len(kinds) == 2 * len(MUTATIONS)
    assert len(set(damaged.values()) - {WHOLE}) == COUNT


def test_every_file_is_read_or_has_a_reason(
    chain: tuple[ReadDocuments, list[DocumentTable], list[Figure]], damaged: dict[str, bytes]
):
    read, tables, figures = chain
    assert [file.url for file in read.files] == [*(f"file:{name}.pdf" for name in damaged), LAST]
    problems = {file.url: file.problem for file in read.files if file.problem}
    told = {element.url for element in read.elements}
    assert {file.url for file in read.files} == told | problems.keys()
    assert not told & problems.keys()
    assert told == {table.url for table in tables} == {figure.url for figure in figures}
    later = [row.problem for row in [*tables, *figures] if row.problem]
    kinds = {problem.partition(":")[0] for problem in [*problems.values(), *later]}
    # "error" is an exception that nobody foresaw, "timeout" a hang that the limit ended.
    assert kinds <= set(REASONS) - {"error", "timeout"}, [*problems.items(), *later]


def test_damage_leaves_some_readable_and_the_next_file_whole(
    chain: tuple[ReadDocuments, list[DocumentTable], list[Figure]],
):
    read, tables, figures = chain
    readable = sum(not file.problem for file in read.files)
    assert COUNT // 3 < readable < COUNT
    assert sum(element.kind == "PageBreak" for element in read.elements if element.url == LAST) == 5
    assert sum(table.url == LAST and bool(table.html) for table in tables) == 4
    assert sum(figure.url == LAST and bool(figure.image) for figure in figures) == 2
