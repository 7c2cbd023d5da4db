"""A tiny graph with the shape of ours: one partitioned asset and its blocking checks."""

import time
from collections.abc import Iterator

import dagster as dg
import pytest

from rag_pipelines.lib.io_manager import VersionedTables
from rag_pipelines.lib.partitions import SOURCES, sync_sources
from rag_pipelines.lib.versions import BLOCKING, VERSION, Version, last_good, read_for, to_read
from rag_pipelines.records import Page
from rag_pipelines.storage.tables import Tables, digest

PASSES = {"answer": True}


def page(text: str) -> Page:
    return Page(source="site", url="http://s/", title="", text=text)


class TextConfig(dg.Config):
    text: str


@dg.asset(partitions_def=SOURCES)
def scraped_pages(config: TextConfig) -> dg.MaterializeResult[list[Page]]:
    value = [page(config.text)]
    return dg.MaterializeResult(value=value, metadata={VERSION: digest(value)})


@dg.asset(partitions_def=SOURCES)
def words(scraped_pages: list[Page]) -> dg.MaterializeResult[list[Page]]:
    return dg.MaterializeResult(value=scraped_pages)


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset="scraped_pages", blocking=True, partitions_def=SOURCES)
        for name in sorted(BLOCKING["scraped_pages"])
    ]
)
def checks(scraped_pages: list[Page]) -> Iterator[dg.AssetCheckResult]:
    for name in sorted(BLOCKING["scraped_pages"]):
        yield dg.AssetCheckResult(
            asset_key="scraped_pages", check_name=name, passed="bad" not in scraped_pages[0].text
        )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        sync_sources(instance, ["site", "other"])
        yield instance


def run(instance, tmp_path, text, selection=None, partition="site"):
    tables = VersionedTables(Tables(str(tmp_path)))
    ops = {"scraped_pages": {"config": {"text": text}}} if text else {}
    return dg.materialize(
        [scraped_pages, words, checks],
        instance=instance,
        partition_key=partition,
        selection=selection,
        resources={"io_manager": tables},
        run_config={"ops": ops},
        raise_on_error=False,
    )


def test_a_version_whose_blocking_checks_failed_is_passed_over(instance, tmp_path):
    good = run(instance, tmp_path, "good")
    bad = run(instance, tmp_path, "bad")
    assert not bad.success
    found = last_good(instance, "scraped_pages", "site")
    assert found
    assert found.run_id == good.run_id
    assert found.version == digest([page("good")])


def test_a_version_that_was_never_checked_is_not_good(instance, tmp_path):
    selection = dg.AssetSelection.assets("scraped_pages").without_checks()
    run(instance, tmp_path, "good", selection)
    assert last_good(instance, "scraped_pages", "site") is None


def test_partitions_do_not_answer_for_each_other(instance, tmp_path):
    run(instance, tmp_path, "good", partition="other")
    assert last_good(instance, "scraped_pages", "site") is None


def test_a_run_reads_what_it_made_and_another_the_last_good(instance, tmp_path):
    good = run(instance, tmp_path, "good")
    bad = run(instance, tmp_path, "bad")
    mine = to_read(instance, "scraped_pages", "site", bad.run_id)
    others = to_read(instance, "scraped_pages", "site", "another run")
    assert mine
    assert mine.run_id == bad.run_id
    assert others
    assert others.run_id == good.run_id


def test_what_something_was_made_from_is_its_own_runs_or_the_last_good_before_it(
    instance, tmp_path
):
    good = run(instance, tmp_path, "good")
    run(instance, tmp_path, "bad")
    apart = Version("made", "another run", time.time())
    later = run(instance, tmp_path, "better")
    together = Version("made", later.run_id, 0.0)
    read = [read_for(instance, "scraped_pages", "site", made) for made in (apart, together)]
    assert [found and found.run_id for found in read] == [good.run_id, later.run_id]
    assert read_for(instance, "scraped_pages", "site", Version("made", "none", 0.0)) is None


def test_the_run_before_is_not_the_one_under_way(instance, tmp_path):
    first = run(instance, tmp_path, "good")
    second = run(instance, tmp_path, "better")
    before = last_good(instance, "scraped_pages", "site", before_run=second.run_id)
    assert before
    assert before.run_id == first.run_id


def test_a_failed_check_stops_what_comes_after_it(instance, tmp_path):
    result = run(instance, tmp_path, "bad")
    assert not result.asset_materializations_for_node("words")


def test_a_step_without_a_good_version_says_what_to_do(instance, tmp_path):
    result = run(instance, tmp_path, "", dg.AssetSelection.assets("words"))
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "materialize it first" in str(failure.step_failure_data.error)


def test_partitions_follow_the_sources(instance):
    sync_sources(instance, ["site", "third"])
    assert set(instance.get_dynamic_partitions("sources")) == {"site", "third"}
