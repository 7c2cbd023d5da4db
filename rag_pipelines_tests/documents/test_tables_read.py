"""Pages that end the process which reads them."""

from pathlib import Path

import pytest

from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.documents.tables_read import parts_of_pdf
from rag_pipelines.documents.worker import DocumentWorker
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf

MEMORY = 700 << 20
"""Bytes, less than is usual: to fill more takes longer."""
ABSURD = (
    "BT /F 8 Tf 630684240119.16 597.77 -438.95 -2606228953035.95 "
    "-20485297729624566537388032 388.59 Tm (far away) Tj ET"
)
"""Coordinates for which liteparse asks for more memory than a worker may have."""


def sheets() -> tuple[Sheet, Sheet]:
    good, absurd = Sheet(), Sheet()
    good.ruled([72, 200, 300], 100, [["State", "Farms"], ["Ohio", "12"], ["Utah", "7"]])
    absurd.text(72, 100, "Hello there")
    absurd.commands.append(ABSURD)
    return good, absurd


def test_a_page_with_absurd_coordinates_costs_its_own_tables_only(tmp_path: Path):
    good, absurd = sheets()
    path = write_pdf(tmp_path / "pages.pdf", good, good, absurd, good)
    with DocumentWorker(MEMORY) as worker:
        with pytest.raises(DocumentFailure, match="crashed"):
            worker.run("rag_pipelines.documents.tables_pdf:read_tables_of", path)
        assert [part.page for part in parts_of_pdf(worker, path)] == [1, 2, 4]


def test_a_document_of_nothing_but_such_pages_tells_why(tmp_path: Path):
    _, absurd = sheets()
    path = write_pdf(tmp_path / "pages.pdf", absurd)
    with DocumentWorker(MEMORY) as worker, pytest.raises(DocumentFailure, match="crashed"):
        parts_of_pdf(worker, path)
