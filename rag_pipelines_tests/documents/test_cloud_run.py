"""A source that a service reads: what it costs is told first, and no failure of it costs a file."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from rag_pipelines.defs.documents.assets import pdf_elements
from rag_pipelines.documents.cloud import BIG_RUN, cost_of
from rag_pipelines.documents.elements import ReadDocuments, read_elements
from rag_pipelines.documents.files import file_at
from rag_pipelines.documents.parsing import Parser
from rag_pipelines.lib.io_manager import VersionedTables
from rag_pipelines.lib.partitions import sync_sources
from rag_pipelines.lib.project import Project
from rag_pipelines.records import DocumentFile
from rag_pipelines.settings import Settings
from rag_pipelines.sources import Documents
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines_tests.documents.cloud_server import CloudServer, cloud, page, serving, text
from rag_pipelines_tests.documents.drawn_pdf import Sheet, write_pdf

SERVED = Documents(paths=("*",), parser="llama_parse")


@pytest.fixture
def server() -> Iterator[CloudServer]:
    with serving(CloudServer(pages=[page(1, text("Profit rose."))])) as running:
        yield running


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


def drawn(blobs: Blobs, name: str, pages: int = 1) -> DocumentFile:
    """A PDF whose pages say its name."""
    sheet = Sheet()
    sheet.text(72, 100, f"The pump was mended: {name}.")
    path = write_pdf(Path(blobs.root).with_name(name), *[sheet] * pages)
    return file_at("reports", f"file:{name}", path, 1 << 20, blobs)


def notes(blobs: Blobs, count: int) -> list[DocumentFile]:
    return [drawn(blobs, f"note{number}.pdf") for number in range(count)]


def told_by(read: ReadDocuments) -> list[str]:
    """What each file's elements say of the service."""
    return ["; ".join({e.note for e in read.elements if e.url == f.url}) for f in read.files]


def test_the_cost_of_all_that_will_be_sent_is_told_before_anything_is(
    server: CloudServer, blobs: Blobs
):
    limits = SERVED.model_copy(update={"max_pages": BIG_RUN, "tier": "agentic"})
    path = Path(blobs.root).with_name("note.txt")
    path.write_text("A file of this type tells no pages.")
    note = file_at("reports", "file:note.txt", path, 1 << 20, blobs)
    files = [drawn(blobs, "long.pdf", BIG_RUN), drawn(blobs, "longer.pdf", BIG_RUN + 1), note]
    told: dict[str, int] = {}
    read_elements(
        files,
        blobs,
        settings=limits,
        progress=lambda stage, done, total: told.setdefault(stage, len(server.asked)) and None,
        cloud=cloud(server),
    )
    assert told[cost_of(BIG_RUN + 1, "agentic")] == 0
    assert len(server.uploads) == 2


def test_a_run_tells_its_cost_to_who_started_it_and_to_its_log(
    server: CloudServer, blobs: Blobs, tmp_path: Path
):
    drawn(blobs, "long.pdf", BIG_RUN)
    sources = tmp_path / "sources.yaml"
    sources.write_text("sources: {reports: {documents: {paths: [long.pdf], parser: llama_parse}}}")
    found = Settings(
        home=tmp_path / "home",
        sources=sources,
        llama_cloud_api_key="llx-secret",
        llama_cloud_base_url=server.address,
    )
    told: dict[str, int] = {}
    project = Project(found, lambda stage, *_: told.setdefault(stage, len(server.asked)) and None)
    with dg.DagsterInstance.ephemeral() as instance:
        sync_sources(instance, project.sources)
        run = dg.materialize(
            [pdf_elements],
            partition_key="reports",
            resources={"project": project, "io_manager": VersionedTables(project.tables)},
            instance=instance,
        )
        logged = [entry.user_message for entry in instance.all_logs(run.run_id)]
    cost = cost_of(BIG_RUN)
    assert told[cost] == 0
    assert sum(message.startswith(cost) for message in logged) == 1
    assert len(server.uploads) == 1


def test_a_run_that_costs_little_or_nothing_tells_no_cost(server: CloudServer, blobs: Blobs):
    few, many = drawn(blobs, "few.pdf", BIG_RUN - 1), drawn(blobs, "many.pdf", BIG_RUN)
    told: set[str] = set()
    local = SERVED.model_copy(update={"parser": "local"})
    for file, limits, service in (
        (few, SERVED, cloud(server)),
        (many, local, cloud(server)),
        (many, SERVED, None),
    ):
        read_elements(
            [file],
            blobs,
            settings=limits,
            progress=lambda stage, done, total: told.add(stage),
            cloud=service,
        )
    assert told == {"documents"}


def test_more_pages_than_the_source_reads_are_not_sent(server: CloudServer, blobs: Blobs):
    limits = SERVED.model_copy(update={"max_pages": 2})
    files = [drawn(blobs, "three.pdf", 3), drawn(blobs, "two.pdf", 2)]
    read = read_elements(files, blobs, settings=limits, cloud=cloud(server))
    assert [file.problem for file in read.files] == ["too large: 3 pages; at most 2 are read", ""]
    assert len(server.uploads) == 1


@pytest.mark.parametrize("status", ["CANCELLED", "FAILED", "SUPERSEDED"])
def test_a_job_that_ends_otherwise_is_read_here_with_a_note(
    server: CloudServer, blobs: Blobs, status: str
):
    """The last is none that the client knows: it must end the wait, not prolong it."""
    server.polls = [status] * 1_000
    read = read_elements(notes(blobs, 1), blobs, settings=SERVED, cloud=cloud(server))
    (note,) = told_by(read)
    assert note.startswith(f"llama_parse: the job ended as {status}")
    assert server.asked == ["POST /api/v2/parse/upload", "GET /api/v2/parse/job-1"]
    assert (read.files[0].parser, read.files[0].problem) == ("local", "")
    assert "The pump was mended: note0.pdf." in {element.text for element in read.elements}


def test_a_silent_service_is_left_alone_for_this_run_and_asked_in_the_next(
    server: CloudServer, blobs: Blobs
):
    """Two are sent at a time, so that a third may be on its way when two had no answer."""
    server.fault = "hang"
    hasty, files = cloud(server, request_timeout=0.2, retries=0), notes(blobs, 6)
    first = read_elements(files, blobs, settings=SERVED, cloud=hasty)
    assert len(server.uploads) in (2, 3)
    told = told_by(first)
    assert {file.parser for file in first.files} == {"local"}
    assert sum("did not come in time" in note for note in told) == 6
    assert sum(note.startswith("not asked, ") for note in told) == 6 - len(server.uploads)
    server.fault, server.uploads = "none", []
    second = read_elements(files, blobs, first.elements, SERVED, cloud=hasty, before=first.files)
    assert ([file.parser for file in second.files], second.parsed) == (["llama_parse"] * 6, 6)


def test_a_service_that_refuses_one_document_is_sent_the_others(server: CloudServer, blobs: Blobs):
    server.statuses = [422] * 4
    read = read_elements(notes(blobs, 6), blobs, settings=SERVED, cloud=cloud(server))
    assert len(server.uploads) == 6
    assert sorted(file.parser for file in read.files) == ["llama_parse"] * 2 + ["local"] * 4
    assert sum("answered 422" in note for note in told_by(read)) == 4


def test_a_service_that_answers_now_and_then_is_not_left_alone(server: CloudServer, blobs: Blobs):
    with Parser(blobs, SERVED, cloud(server, retries=0)) as parser:
        for number, file in enumerate(notes(blobs, 6)):
            server.statuses = [503] * (number % 2)
            parser.parse(file)
    assert len(server.uploads) == 6


def test_without_a_key_files_are_read_here_with_a_note(server: CloudServer, blobs: Blobs):
    read = read_elements(notes(blobs, 1), blobs, settings=SERVED)
    assert told_by(read) == ["llama_parse: there is no key; set LLAMA_CLOUD_API_KEY"]
    assert server.asked == []
