"""Three sources, a broken file, a captioner that goes off: the rest is served, the gap is told."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pikepdf
import pytest
from pikepdf import Dictionary, Name

from rag_pipelines.cli.refresh import refresh_and_release
from rag_pipelines.cli.runs import run_job
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import materialized
from rag_pipelines.records import no_progress
from rag_pipelines.retrieval.index import open_index
from rag_pipelines.settings import Settings
from rag_pipelines_tests.inference.model_server import ModelServer, serving

pytestmark = pytest.mark.slow
SOURCES = ("letters", "album", "reports")
COLOURS = {
    "navy": (0, 0, 128),
    "maroon": (128, 0, 0),
    "olive": (128, 128, 0),
    "teal": (0, 128, 128),
}
ANSWERED = 2
"""Pictures that the captioner describes before it goes off: the letters' one, the album's first."""

PATIENCE_SECONDS = 12.0
"""What captions may take: a captioner that is off uses it up, silent."""


def with_pictures(path: Path, sentence: str, *colours: str) -> None:
    """A PDF of a sentence, and a picture over its caption for each colour."""
    made = pikepdf.new()
    page = made.add_blank_page(page_size=(595, 842))
    drawn, images = [f"BT /F 12 Tf 72 800 Td ({sentence}) Tj ET"], Dictionary()
    for number, colour in enumerate(colours, 1):
        y = 800 - 180 * number
        image = made.make_stream(bytes(COLOURS[colour]) * 80 * 80)
        image.Type, image.Subtype, image.ColorSpace = Name.XObject, Name.Image, Name.DeviceRGB
        image.Width = image.Height = 80
        image.BitsPerComponent = 8
        images[f"/I{number}"] = image
        drawn.append(f"q 160 0 0 120 72 {y} cm /I{number} Do Q")
        drawn.append(f"BT /F 10 Tf 72 {y - 14} Td (Figure {number}: A flag in {colour}) Tj ET")
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    page.Resources = Dictionary(Font=Dictionary(F=font), XObject=images)
    page.Contents = made.make_stream("\n".join(drawn).encode())
    made.save(path)


def described(instance: dg.DagsterInstance, asset: str, source: str) -> dict[str, Any]:
    (newest,) = materialized(instance, asset, source, 1)
    return newest.metadata


def judged(instance: dg.DagsterInstance, asset: str, source: str, check: str) -> Any:
    """What the newest run's check says, as Dagster's page shows it."""
    (newest,) = materialized(instance, asset, source, 1)
    logs = instance.all_logs(newest.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    (told,) = [
        one.asset_check_evaluation
        for one in logs
        if one.asset_check_evaluation and one.asset_check_evaluation.check_name == check
        if one.asset_check_evaluation.asset_key == dg.AssetKey(asset)
    ]
    return told


@pytest.fixture
def captioner() -> Iterator[ModelServer]:
    with serving(ModelServer(fault="off", answers=ANSWERED)) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, captioner: ModelServer) -> Project:
    """Letters that are sound, an album of four pictures, reports of which one is cut."""
    told: dict[str, Any] = {}
    for name in SOURCES:
        (tmp_path / name).mkdir()
        read = {"paths": [f"{name}/*"], "ocr": "never"}
        told[name] = {"documents": read, "enrichment": {"entities": False}}
    sources = tmp_path / "sources.yaml"
    sources.write_text(json.dumps({"sources": told}))
    with_pictures(tmp_path / "letters" / "anna.pdf", "Anna keeps the key of the boathouse.", "navy")
    with_pictures(tmp_path / "album" / "flags.pdf", "The flags fly from the tower.", *COLOURS)
    with_pictures(tmp_path / "reports" / "weir.pdf", "The weir was mended with larch in spring.")
    cut = (tmp_path / "album" / "flags.pdf").read_bytes()[:400]
    (tmp_path / "reports" / "cut.pdf").write_bytes(cut)
    found = Settings(
        home=tmp_path / "home",
        sources=sources,
        generator="extractive:",
        captioner="ollama:llava",
        caption_seconds=PATIENCE_SECONDS,
        ollama_host=captioner.address,
    )
    return Project(found)


def test_what_is_sound_is_served_and_dagster_shows_what_is_missing(
    project: Project, captioner: ModelServer
):
    figures, published, problems = refresh_and_release(project, SOURCES, False, no_progress)
    assert (published, problems) == (True, [])
    assert [(figures[name]["pages"], figures[name]["failed"]) for name in SOURCES] == [
        *((1, 0), (1, 0), (1, 1)),
    ]
    served = {"letters/anna.pdf", "album/flags.pdf", "reports/weir.pdf"}
    assert urls_served(project) == {f"file:{name}" for name in served}
    with instance_of(project.settings) as instance:
        the_cut_file_is_told(instance)
        the_pictures_without_description_are_told(instance)
    assert len(captioner.asked("/api/chat")) == ANSWERED + 2

    captioner.fault, captioner.requests = "none", []
    with instance_of(project.settings) as instance:
        assert run_job(instance, "refresh_source", project, "album").success
        said = described(instance, "image_captions", "album")
        assert (said["described"], said["failed"]) == (4, 0)
        assert judged(instance, "image_captions", "album", "every_figure_captioned").passed
    asked_again = [one["messages"][-1]["content"] for one in captioner.asked("/api/chat")]
    assert [one.rpartition(" ")[2] for one in asked_again] == list(COLOURS)[1:]


def urls_served(project: Project) -> set[str]:
    pointer = project.releases.current()
    assert pointer is not None
    index = open_index(project.releases.get(pointer.release).path)
    found: list[str] = index.rows.column("url")
    index.close()
    return set(found)


def the_cut_file_is_told(instance: dg.DagsterInstance) -> None:
    said = described(instance, "pdf_elements", "reports")
    assert (said["files"], said["files_read"], said["failed"]) == (2, 1, 1)
    row = next(line for line in said["what_became_of_files"].splitlines() if "cut.pdf" in line)
    assert "damaged" in row
    check = judged(instance, "pdf_elements", "reports", "every_page_parsed")
    assert check.passed
    assert check.metadata["failed_files"].value == 1
    assert check.metadata["failed"].value.startswith("file:reports/cut.pdf: damaged: ")
    for sound in ("letters", "album"):
        assert described(instance, "pdf_elements", sound)["failed"] == 0
        check = judged(instance, "pdf_elements", sound, "every_page_parsed")
        assert check.metadata["failed_files"].value == 0


def the_pictures_without_description_are_told(instance: dg.DagsterInstance) -> None:
    said = described(instance, "image_captions", "album")
    assert (said["described"], said["failed"], said["dagster/row_count"]) == (1, 3, 4)
    check = judged(instance, "image_captions", "album", "every_figure_captioned")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (check.metadata["figures"].value, check.metadata["problems"].value) == (4, 3)
    told = check.metadata["sample"].value.splitlines()
    assert all("flags.pdf" in line and "ollama:llava" in line for line in told)
    assert ["not asked" in line for line in told] == [False, False, True]
    assert described(instance, "image_captions", "letters")["described"] == 1
    for sound in ("letters", "reports"):
        assert judged(instance, "image_captions", sound, "every_figure_captioned").passed
