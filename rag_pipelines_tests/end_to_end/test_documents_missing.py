"""Three sources, a broken file, a captioner that goes off: the rest is served, the gap is told."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from docx import Document
from PIL import Image

from rag_pipelines.lib.versions import materialized
from rag_pipelines_tests.end_to_end.installation import Installation
from rag_pipelines_tests.inference.model_server import ModelServer, serving

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
COLOURS = ("navy", "maroon", "olive", "teal")
ANSWERED = 2
"""Pictures that the captioner describes before it goes off: the letters' one, the album's first."""


def with_pictures(path: Path, sentence: str, *colours: str) -> None:
    """A Word file of a sentence, and a picture under its caption for each colour."""
    file = Document()
    file.add_paragraph(sentence)
    for number, colour in enumerate(colours, 1):
        picture = io.BytesIO()
        Image.new("RGB", (80, 80), colour).save(picture, "PNG")
        picture.seek(0)
        file.add_picture(picture)
        file.add_paragraph(f"Figure {number}: A flag in {colour}")
    file.save(str(path))


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


def sources_of(installation: Installation, captioner: ModelServer) -> None:
    """Letters that are sound, an album of four pictures, reports of which one is cut."""
    told: dict[str, Any] = {}
    for name in ("letters", "album", "reports"):
        (installation.folder / name).mkdir()
        read = {"paths": [f"{name}/*"], "ocr": "never"}
        told[name] = {"documents": read, "enrichment": {"entities": False}}
    installation.sources(json.dumps({"sources": told}))
    folder = installation.folder
    with_pictures(folder / "letters" / "anna.docx", "Anna keeps the key of the boathouse.", "white")
    with_pictures(folder / "album" / "flags.docx", "The flags fly from the tower.", *COLOURS)
    report = (EXAMPLES / "documents" / "field-trial-2025.pdf").read_bytes()
    (folder / "reports" / "cut.pdf").write_bytes(report[:4000])
    (folder / "reports" / "weir.txt").write_text("The weir was mended with larch in spring.\n")
    installation.environment = {"RAG_CAPTIONER": "ollama:llava", "OLLAMA_HOST": captioner.address}


def test_what_is_sound_is_served_and_dagster_shows_what_is_missing(
    installation: Installation, captioner: ModelServer
):
    sources_of(installation, captioner)
    first = installation.rag("ingest", "--all")
    assert first["published"]
    figures = first["sources"].values()
    assert [(one["pages"], one["failed"]) for one in figures] == [(1, 0), (1, 0), (1, 1)]
    found = installation.rag("search", "the key, the flags, and the weir mended with larch")
    served = {"letters/anna.docx", "album/flags.docx", "reports/weir.txt"}
    assert {hit["url"] for hit in found["results"]} == {f"file:{name}" for name in served}

    with dg.DagsterInstance.from_config(str(installation.home / "dagster")) as instance:
        the_cut_file_is_told(instance)
        the_pictures_without_description_are_told(instance)
    assert len(captioner.asked("/api/chat")) == ANSWERED + 2

    captioner.fault, captioner.requests = "none", []
    second = installation.rag("ingest", "--all")
    assert second["published"]
    assert [one["parsed"] for one in second["sources"].values()] == [0, 0, 1]
    asked_again = [one["messages"][-1]["content"] for one in captioner.asked("/api/chat")]
    assert [one.rpartition(" ")[2] for one in asked_again] == [*COLOURS[1:]]
    with dg.DagsterInstance.from_config(str(installation.home / "dagster")) as instance:
        said = described(instance, "image_captions", "album")
        assert (said["described"], said["failed"]) == (4, 0)
        assert judged(instance, "image_captions", "album", "every_figure_captioned").passed


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
    assert all("flags.docx" in line and "ollama:llava" in line for line in told)
    assert ["not asked" in line for line in told] == [False, False, True]
    assert described(instance, "image_captions", "letters")["described"] == 1
    for sound in ("letters", "reports"):
        assert judged(instance, "image_captions", sound, "every_figure_captioned").passed
