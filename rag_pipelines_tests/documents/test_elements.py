"""Files become elements, each by its own format, and an unchanged file costs nothing."""

from pathlib import Path

import openpyxl
import pytest

from rag_pipelines.documents.elements import read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.records import DocumentFile
from rag_pipelines.storage.blobs import Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


def workbook(path: Path, blobs: Blobs) -> DocumentFile:
    book = openpyxl.Workbook()
    for row in (["Town", "Staff"], ["Mill", 12], ["Weir", 7]):
        book.worksheets[0].append(row)
    book.save(path)
    return file_at("reports", f"file:{path.name}", path, 1 << 20, blobs)


def test_a_workbook_is_a_table_and_costs_nothing_the_second_time(tmp_path: Path, blobs: Blobs):
    file = workbook(tmp_path / "staff.xlsx", blobs)
    first = read_elements([file], blobs)
    assert (first.parsed, first.files[0].problem) == (1, "")
    [table] = [element for element in first.elements if element.kind == "Table"]
    assert "<td>Mill</td><td>12</td>" in table.html
    again = read_elements([file], blobs, first.elements)
    assert (again.parsed, again.elements) == (0, first.elements)


def test_a_broken_file_says_why_and_the_next_is_read(tmp_path: Path, blobs: Blobs):
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nand no more")
    files = [
        file_at("reports", "file:broken.pdf", broken, 1 << 20, blobs),
        workbook(tmp_path / "staff.xlsx", blobs),
    ]
    read = read_elements(files, blobs)
    assert [file.problem.partition(":")[0] for file in read.files] == ["damaged", ""]
    assert {element.url for element in read.elements} == {"file:staff.xlsx"}
