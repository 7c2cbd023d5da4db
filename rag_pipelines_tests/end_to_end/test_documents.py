"""The example's files ingested once, and asked what only a table, caption, scan or slide says.

All of it where torch and what stands on it cannot be imported, in none of the processes.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from rag_pipelines.sources import GoldenQuestion, load_golden
from rag_pipelines_tests.browser.launch import chromium
from rag_pipelines_tests.end_to_end.installation import Installation, website
from rag_pipelines_tests.end_to_end.serving import service

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
QUESTIONS = [
    question
    for question in load_golden(EXAMPLES / "golden.yaml")
    if any(expected.url.startswith("file:") for expected in question.expect)
]
KINDS = {
    "How deep is the Mill Pond of the field trial?": "table",
    "How many nights with less than 4 mg/l of oxygen did Willow Pond have?": "figure",
    "Until when is the certificate of the reference thermometer valid?": "document",
    "What discount do dealers get from an order of ten probes on?": "document",
}
MODEL_LIBRARIES = ("torch", "torchvision", "transformers", "sentence_transformers", "accelerate")
PAPERS = json.dumps({"documents": {"paths": ["documents/*"]}})


def with_papers(installation: Installation) -> Installation:
    shutil.copytree(EXAMPLES / "documents", installation.folder / "documents")
    installation.sources(f"sources:\n  papers: {PAPERS}\n")
    return installation


def without_model_libraries(folder: Path) -> dict[str, str]:
    """The environment in which each of `MODEL_LIBRARIES` is missing, for every process below."""
    for name in MODEL_LIBRARIES:
        missing = f"raise ModuleNotFoundError({f'No module named {name!r}'!r}, name={name!r})\n"
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(missing)
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    missing = without_model_libraries(tmp_path_factory.mktemp("missing"))
    made = with_papers(Installation(tmp_path_factory.mktemp("papers"), missing))
    said = made.rag("ingest", "--all")
    assert said["published"]
    assert said["sources"]["papers"] == said["sources"]["papers"] | {
        **{"discovered": 3, "pages": 3, "parsed": 3, "removed": 0, "failed": 0}
    }
    return made


@pytest.fixture(scope="module")
def told(papers: Installation) -> Callable[[str], dict[str, Any]]:
    """What `rag ask` says of a question, asked once."""
    return cache(lambda question: papers.rag("ask", question))


@pytest.mark.parametrize("name", MODEL_LIBRARIES)
def test_the_papers_are_read_and_asked_where_no_model_library_can_be_imported(
    papers: Installation, name: str
):
    command = [sys.executable, "-c", f"import {name}"]
    done = subprocess.run(command, env=papers.environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith(f"ModuleNotFoundError: No module named '{name}'\n")


def test_the_example_asks_of_a_table_a_figure_a_scan_and_a_slide():
    assert {question.question for question in QUESTIONS} == set(KINDS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.expect[0].url.rsplit("/")[-1])
def test_a_question_is_answered_from_the_page_that_alone_says_it(
    told: Callable[[str], dict[str, Any]], question: GoldenQuestion
):
    (expected,) = question.expect
    said = told(question.question)
    first = said["citations"][0]
    assert expected.quote in said["answer"]
    assert (first["url"], first["page"]) == (expected.url, expected.page)
    assert first["kind"] == KINDS[question.question]
    assert first["box"] is None or len(first["box"]) == 4
    if first["kind"] == "table":
        assert first["html"].startswith("<table")
    if first["kind"] == "figure":
        assert first["image_url"]


def test_a_passage_that_an_answer_cites_more_than_once_is_printed_once(
    papers: Installation, told: Callable[[str], dict[str, Any]]
):
    (question,) = (question for question, kind in KINDS.items() if kind == "table")
    cited = told(question)["citations"]
    assert len(cited) > len({citation["chunk_id"] for citation in cited}) == 1
    printed = papers.run("ask", question).stdout
    numbers = " ".join(f"[{citation['n']}]" for citation in cited)
    assert f"\n{numbers} {cited[0]['title']}" in printed
    assert printed.count(f"    {cited[0]['url']} · page 1\n") == 1
    assert printed.count("│ Mill Pond ") == 1


@pytest.mark.browser
def test_the_page_shows_what_the_command_says(
    papers: Installation, told: Callable[[str], dict[str, Any]], tmp_path: Path
):
    """The same answer and sources for the same question, release and model."""
    with service(papers.home, tmp_path / "log") as port, chromium() as browser:
        page = browser.new_page()
        for question in KINDS:
            said = told(question)
            page.goto(f"http://127.0.0.1:{port}/")  # a conversation of its own: no follow-up
            expect(page.locator("#origin")).to_contain_text(said["model"], timeout=60_000)
            page.get_by_label("Question", exact=True).fill(question)
            page.keyboard.press("Enter")
            expect(page.locator(".rating")).to_have_count(1, timeout=60_000)
            marked = re.sub(r"\[(\d+)\]", r"\1", said["answer"])
            assert page.locator(".answer").inner_text().split() == marked.split()
            expect(page.locator(".card")).to_have_count(len(said["citations"]))
            expect(page.locator("#origin")).to_contain_text(said["release"])


def test_files_that_did_not_change_cost_nothing(papers: Installation):
    again = papers.rag("ingest", "--all")
    assert not again["published"]
    assert (again["sources"]["papers"]["parsed"], again["sources"]["papers"]["embedded"]) == (0, 0)


def test_why_a_file_is_in_the_corpus(papers: Installation):
    (known,) = papers.rag("why", "file:documents/field-trial-2025.pdf")["sources"]
    assert (known["document"]["pages"], known["document"]["problem"]) == (5, "")
    assert known["run_id"]
    unknown = papers.run("why", "file:documents/other.pdf").stdout
    assert "file:documents/other.pdf: no file of that path" in unknown


def test_files_that_break_are_forgotten_or_vanish_are_told_and_stop_no_other(
    installation: Installation,
):
    folder = installation.folder / "documents"
    folder.mkdir()
    plain = {"documents": {"paths": ["documents/*"]}, "enrichment": {"entities": False}}
    installation.sources(f"sources:\n  papers: {json.dumps(plain)}\n")
    report = (EXAMPLES / "documents" / "field-trial-2025.pdf").read_bytes()
    (folder / "cut.pdf").write_bytes(report[:4000])
    (folder / "empty.pdf").write_bytes(b"")
    for name in ("pump", "gate", "well", "shed"):
        (folder / f"{name}.txt").write_text(f"The spare key of the {name} hangs in the {name}.\n")
    first = installation.run("ingest", "--all", "--json")
    assert first.returncode == 0, first.stderr
    told = [line for line in first.stderr.splitlines() if "not read" in line]
    assert ["cut.pdf" in told[0], "empty.pdf" in told[1]] == [True, True]
    papers = json.loads(first.stdout)["sources"]["papers"]
    assert (papers["pages"], papers["failed"]) == (4, len(told))
    (known,) = installation.rag("why", "file:documents/empty.pdf")["sources"]
    assert known["document"]["problem"].startswith("empty")

    installation.rag("forget", "file:documents/shed.txt")
    second = installation.rag("ingest")
    assert (second["published"], second["sources"]["papers"]["pages"]) == (True, 3)
    assert second["sources"]["papers"]["parsed"] == 0  # not the broken ones again either
    found = installation.rag("search", "spare key of the shed")["results"]
    kept = {f"file:documents/{name}.txt" for name in ("pump", "gate", "well")}
    assert {hit["url"] for hit in found} == kept

    (folder / "pump.txt").unlink()
    (folder / "gate.txt").unlink()
    blocked = installation.run("ingest", "--json")
    assert blocked.returncode == 1
    assert "--accept-shrink" in blocked.stderr
    assert json.loads(blocked.stdout)["release"] == second["release"]
    accepted = installation.rag("ingest", "papers", "--accept-shrink")
    assert (accepted["published"], accepted["sources"]["papers"]["pages"]) == (True, 1)


def test_a_pdf_that_a_site_links_to_is_read_as_well(installation: Installation, site):
    shutil.copy(EXAMPLES / "documents" / "field-trial-2025.pdf", site.folder / "trial.pdf")
    index = site.folder / "index.html"
    index.write_text(
        index.read_text().replace("<ul>", '<ul><li><a href="trial.pdf">trial</a></li>')
    )
    installation.sources("sources:\n" + website("log", site.url))
    log = installation.rag("ingest")["sources"]["log"]
    assert (log["pages"], log["parsed"], log["failed"]) == (26, 26, 0)
    said = installation.rag("ask", "How deep is the Mill Pond of the field trial?")
    assert said["citations"][0]["url"] == f"{site.url}trial.pdf"
    assert said["citations"][0]["page"] == 1
    (known,) = installation.rag("why", f"{site.url}trial.pdf")["sources"]
    assert known["ledger"]["content_type"] == "application/pdf"
    assert known["document"]["pages"] == 5
