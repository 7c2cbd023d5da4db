from collections.abc import Callable
from pathlib import Path

import pytest

from rag_pipelines.documents.tables_continued import Part
from rag_pipelines.documents.tables_page import read_pages
from rag_pipelines.documents.tables_pdf import parts_of
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf


@pytest.fixture
def parts_on(tmp_path: Path) -> Callable[[Sheet], list[Part]]:
    """Reads the tables of one drawn page."""

    def parts_on(sheet: Sheet) -> list[Part]:
        [page] = read_pages(write_pdf(tmp_path / "page.pdf", sheet))
        return list(parts_of(page))

    return parts_on
