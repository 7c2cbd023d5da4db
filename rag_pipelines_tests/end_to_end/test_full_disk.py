"""Row F11: a disk that fills up while sources are refreshed costs that run and nothing else."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.cli.refresh import Figures, refresh_and_release
from rag_pipelines.documents.elements import read_elements
from rag_pipelines.documents.files import files_of
from rag_pipelines.errors import RagError
from rag_pipelines.lib.documents import previous_records
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import last_good
from rag_pipelines.records import Element, no_progress
from rag_pipelines.settings import Settings
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf
from rag_pipelines_tests.small_disk import FULL, SmallDisk, small_disk

pytestmark = pytest.mark.slow
LEFT, LONG = 2_000_000, 3_000_000
"""Bytes that remain: enough for Dagster's tables of one run, and too few for the file."""
NONE = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 96 << 20) as made:
        yield made


def drawn(path: Path, sentence: str, size: int = 0) -> None:
    """A PDF of a sentence that nothing can make shorter than `size` bytes."""
    sheet = Sheet()
    sheet.text(72, 100, sentence)
    write_pdf(path, sheet)
    with path.open("ab") as file:
        file.write(b"\n%" + random.Random(7).randbytes(size).replace(b"\n", b" ") + b"\n")


def refreshed(disk: SmallDisk, sources: Path) -> tuple[Project, Figures, bool, list[str]]:
    project = Project(Settings(home=disk.path / "home", sources=sources, generator="extractive:"))
    return project, *refresh_and_release(project, ["reports"], False, no_progress)


def test_a_full_disk_fails_the_run_and_the_next_goes_on(disk: SmallDisk, tmp_path: Path):
    (tmp_path / "files").mkdir()
    drawn(tmp_path / "files" / "anchor.pdf", "The anchor lies in the bay.")
    sources = tmp_path / "sources.yaml"
    reports = '{documents: {paths: ["files/*"]}, enrichment: {entities: false}}'
    sources.write_text(f"sources: {{reports: {reports}}}\n")
    project, _, published, problems = refreshed(disk, sources)
    assert (published, problems) == (True, [])
    pointer = project.releases.current()

    drawn(tmp_path / "files" / "beacon.pdf", "The beacon is lit at dusk.", LONG)
    disk.fill(LEFT)
    project, figures, published, (problem,) = refreshed(disk, sources)
    assert re.fullmatch(rf"reports: OSError: .*({FULL}).*; make room .*", problem)
    assert (published, figures["reports"]["pages"]) == (False, 1)
    assert project.releases.current() == pointer
    assert half_written(disk) == []

    disk.fill(NONE)
    with pytest.raises(RagError, match=r"Dagster's tables .* cannot be written .* make room "):
        refreshed(disk, sources)
    assert half_written(disk) == []

    disk.empty()
    project, figures, published, problems = refreshed(disk, sources)
    assert (published, problems) == (True, [])
    assert (figures["reports"]["pages"], figures["reports"]["parsed"]) == (2, 1)
    roomy = Blobs(str(tmp_path / "roomy"))
    files = files_of("reports", project.source("reports"), (), roomy)
    assert elements_of(project) == read_elements(files, roomy).elements


def half_written(disk: SmallDisk) -> list[Path]:
    return [path for path in disk.path.rglob("*") if ".tmp" in path.name]


def elements_of(project: Project) -> list[Element]:
    with instance_of(project.settings) as instance:
        good = last_good(instance, "pdf_elements", "reports")
    return previous_records(project.tables, "pdf_elements", "reports", good, Element)
