"""Tables are scored as the competition's own program does; a small set with known scores."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.table_scores import scores
from rag_pipelines.documents.tables_grid import html_of
from rag_pipelines_tests.grids import grid_of_rows

PONDS = [["Pond", "Depth", "Area"], ["Mill", "2.4", "310"], ["Willow", "1.1", ""]]
# Five pairs of neighbours beside and five below each other; three and four.
PEOPLE = [["Name", "Years"], ["Ada", "3"], ["Bo", "7"]]


def annotated(page: int, rows: list[list[str]]) -> dict[str, Any]:
    cells = [
        {"r": r, "c": c, "rs": 1, "cs": 1, "t": text}
        for r, row in enumerate(rows)
        for c, text in enumerate(row)
    ]
    return {"page": page, "cells": cells}


def line(page: int, rows: list[list[str]]) -> str:
    return json.dumps({"doc": "a", "page": page, "html": html_of(grid_of_rows(rows, 1))})


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    tables = [annotated(1, PONDS), annotated(2, PEOPLE)]
    path = tmp_path / "gold.json"
    path.write_text(json.dumps({"a": {"tables": tables}}))
    return path


def test_what_is_annotated_scores_one(gold: Path):
    assert scores(gold, [line(1, PONDS), line(2, PEOPLE)]) == {
        **{"adjacency_f1": 1.0, "teds": 1.0, "printed": 2}
    }


def test_a_missed_table_costs_recall_and_counts_nothing_in_teds(gold: Path):
    found = scores(gold, [line(2, PEOPLE)])
    assert found["teds"] == 0.5
    assert found["adjacency_f1"] == pytest.approx(2 * 7 / (17 + 7), abs=1e-4)


def test_a_table_too_many_costs_precision_only(gold: Path):
    found = scores(gold, [line(1, PONDS), line(2, PEOPLE), line(3, PEOPLE)])
    assert found["teds"] == 1.0
    assert found["adjacency_f1"] == pytest.approx(2 * 17 / (17 + 24), abs=1e-4)


def test_a_cell_in_another_column_breaks_its_pairs_alone(gold: Path):
    moved = [PONDS[0], PONDS[1], ["Willow", "", "1.1"]]
    found = scores(gold, [line(1, moved), line(2, PEOPLE)])
    assert found["adjacency_f1"] == pytest.approx(2 * 16 / (17 + 17), abs=1e-4)
    assert 0.5 < found["teds"] < 1


def test_the_better_of_two_annotations_counts(gold: Path):
    both = {"tables": [annotated(1, PEOPLE)], "alt": [annotated(1, PONDS)]}
    gold.write_text(json.dumps({"a": both}))
    assert scores(gold, [line(1, PONDS)])["adjacency_f1"] == 1.0
