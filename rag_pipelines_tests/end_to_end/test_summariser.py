"""`RAG_SUMMARISER` on and off again: found by what the model says, and back to the same release."""

import json
from pathlib import Path

import pytest

from rag_pipelines.cli.refresh import refresh_and_release
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Chunk, no_progress
from rag_pipelines.retrieval.index import open_index
from rag_pipelines.settings import Settings
from rag_pipelines_tests.inference import tiny_models

pytestmark = pytest.mark.slow
PAGE = """# Handbook

Spent batteries go back to the shop.

| Item | Years |
|------|-------|
| kettle | seven |
| batteries | two |
"""


def project(folder: Path, summariser: str | None) -> Project:
    found = Settings(
        home=folder / "home",
        sources=folder / "sources.yaml",
        generator="extractive:",
        summariser=summariser,
    )
    return Project(found)


def released(project: Project) -> tuple[str, list[Chunk]]:
    """The digest that is served after a refresh, and its passages."""
    _, _, problems = refresh_and_release(project, ("handbook",), False, no_progress)
    assert problems == []
    pointer = project.releases.current()
    assert pointer is not None
    release = project.releases.get(pointer.release)
    index = open_index(release.path)
    rows = list(index.rows)
    index.close()
    return release.digest, rows


def test_a_summariser_changes_the_tables_passages_alone_and_its_absence_brings_them_back(
    tmp_path: Path,
):
    (tmp_path / "handbook.md").write_text(PAGE)
    told = {"documents": {"paths": ["*.md"]}, "enrichment": {"entities": False}}
    (tmp_path / "sources.yaml").write_text(json.dumps({"sources": {"handbook": told}}))
    model = f"seq2seq:{tiny_models.trained_summariser(tmp_path / 'model')}"

    before, plain = released(project(tmp_path, None))
    with_model, summarised = released(project(tmp_path, model))
    assert with_model != before
    others = {row.id for row in plain if row.kind != "table"}
    assert others == {row.id for row in summarised if row.kind != "table"} != set()
    [table] = [row for row in summarised if row.kind == "table"]
    assert "Summary by a model: years that a kettle and batteries last" in table.text
    assert "2 rows and 2 columns." in table.text

    after, back = released(project(tmp_path, None))
    assert (after, [row.id for row in back]) == (before, [row.id for row in plain])
