"""The assets of what models learn from, over a real release, and the checks that stop them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from rag_pipelines.defs.models import datasets_checks as checks
from rag_pipelines.defs.models.datasets import preference_dataset, sft_dataset
from rag_pipelines.lib.io_manager import VersionedTables
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import BLOCKING, last_good
from rag_pipelines.records import Example, Pair
from rag_pipelines_tests.lib.handbook import published

ROW = Example(
    id="1",
    split="train",
    origin="feedback",
    roles=["system", "user"],
    contents=["Be brief.", "How long?"],
    completion="Two years.",
    page="http://a/",
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def run(project: Project, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [sft_dataset, preference_dataset, checks.examples_sound, checks.pairs_sound],
        instance=instance,
        resources={"project": project, "io_manager": VersionedTables(project.tables)},
        raise_on_error=False,
    )


def test_both_are_gathered_checked_and_told_and_the_same_again(
    tmp_path: Path, instance: dg.DagsterInstance
):
    few = "datasets: {candidates: 60, least_examples: 20, least_pairs: 20}\n"
    project = published(tmp_path, few)
    assert run(project, instance).success
    for name in ("sft_dataset", "preference_dataset"):
        good = last_good(instance, name, None)
        assert good
        assert good.metadata["dagster/row_count"] >= 40
        assert good.metadata["empty_splits"] == "none"
        assert len(good.metadata["digest"]) == 64
    before = [last_good(instance, name, None) for name in ("sft_dataset", "preference_dataset")]
    assert run(project, instance).success
    after = [last_good(instance, name, None) for name in ("sft_dataset", "preference_dataset")]
    assert [one and one.version for one in before] == [one and one.version for one in after]


def test_too_few_stop_there_with_the_remedy(tmp_path: Path, instance: dg.DagsterInstance):
    project = published(tmp_path, "datasets: {candidates: 4}\n")
    done = run(project, instance)
    assert not done.success
    told = [one.description or "" for one in done.get_asset_check_evaluations() if not one.passed]
    assert any("50 needed: collect more feedback" in one for one in told)
    assert last_good(instance, "sft_dataset", None) is None
    assert not done.asset_materializations_for_node("preference_dataset")


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        ("rows_whole", [replace(ROW, completion=" ")]),
        ("rows_whole", [replace(ROW, roles=["system", "robot"])]),
        ("rows_whole", [replace(ROW, roles=["user", "system"])]),
        ("rows_whole", [ROW, ROW]),
        ("no_leakage", [ROW, replace(ROW, id="2", split="test")]),
        ("no_leakage", [ROW, replace(ROW, id="2", split="test", page="http://b/")]),
        ("enough_rows", [replace(ROW, split="test")]),
        ("nothing_personal_left", [replace(ROW, completion="Write anna@example.org.")]),
        ("nothing_personal_left", [replace(ROW, contents=["", "Is 10.20.30.40 up?"])]),
    ],
)
def test_a_dataset_that_would_teach_wrongly_is_stopped(
    tmp_path: Path, check: str, rows: list[Example]
):
    project = published(tmp_path, "datasets: {least_examples: 1}\n")
    assert check not in passed(project, rows)
    assert passed(project, [ROW]) == BLOCKING["sft_dataset"]


def passed(project: Project, rows: list[Example]) -> set[str | None]:
    found = checks.examples_sound(rows, project)
    return {one.check_name for one in found if one.passed}


def test_a_pair_needs_two_answers(tmp_path: Path):
    project = published(tmp_path, "datasets: {least_pairs: 1}\n")
    pair = Pair(
        id="1",
        split="train",
        origin="file",
        roles=["user"],
        contents=["How long?"],
        chosen="Two years.",
        rejected="",
    )
    for rejected, whole in (("", False), ("For ever.", True)):
        found = checks.pairs_sound([replace(pair, rejected=rejected)], project)
        assert all(one.passed is (whole or one.check_name != "rows_whole") for one in found)
