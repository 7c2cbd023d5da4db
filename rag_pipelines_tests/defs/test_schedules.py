"""A source's schedule: one run for each tick, whatever the clock does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import dagster as dg
import pytest
from croniter import croniter

from rag_pipelines.defs.corpus.schedules import schedule_of

NIGHTLY = "30 2 * * *"
SITE = 'website: {start_urls: ["http://127.0.0.1:9/"]}'


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "sources.yaml").write_text(f"sources:\n  my-site: {{{SITE}}}\n  wiki: {{{SITE}}}\n")
    monkeypatch.setenv("RAG_SOURCES", str(tmp_path / "sources.yaml"))
    with dg.instance_for_test() as instance:
        yield instance


def asked(instance: dg.DagsterInstance, tick: datetime, source: str = "my-site") -> dg.RunRequest:
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=tick)
    request = schedule_of(source, NIGHTLY)(context)
    assert isinstance(request, dg.RunRequest)
    return request


def ticks(start: datetime, count: int) -> list[datetime]:
    """Ticks of the schedule, in the time zone that it runs in."""
    schedule = schedule_of("my-site", NIGHTLY)
    assert schedule.execution_timezone == "UTC"
    assert isinstance(schedule.cron_schedule, str)
    return list(islice(croniter(schedule.cron_schedule, start, ret_type=datetime), count))


def test_a_tick_asks_for_its_source_and_for_no_other(instance: dg.DagsterInstance):
    request = asked(instance, datetime(2026, 5, 1, 2, 30, tzinfo=UTC))
    assert request.partition_key == "my-site"
    assert request.run_key == "my-site@2026-05-01T02:30:00+00:00"


def test_the_source_is_a_partition_before_its_run_is_asked_for(instance: dg.DagsterInstance):
    asked(instance, datetime(2026, 5, 1, 2, 30, tzinfo=UTC))
    assert set(instance.get_dynamic_partitions("sources")) == {"my-site", "wiki"}


def test_two_sources_at_one_tick_are_two_runs(instance: dg.DagsterInstance):
    tick = datetime(2026, 5, 1, 2, 30, tzinfo=UTC)
    assert asked(instance, tick).run_key != asked(instance, tick, "wiki").run_key


def test_a_clock_that_jumps_back_a_day_asks_for_the_runs_it_had(instance: dg.DagsterInstance):
    first, second = ticks(datetime(2026, 5, 1, tzinfo=UTC), 2)
    keys = [asked(instance, tick).run_key for tick in (first, second, first, second)]
    assert keys[:2] == keys[2:]
    assert len(set(keys)) == 2


@pytest.mark.parametrize(
    "changing", [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)]
)
def test_nights_in_which_clocks_change_have_one_run_each(
    instance: dg.DagsterInstance, changing: datetime
):
    nights = ticks(changing, 3)
    assert [b - a for a, b in pairwise(nights)] == [timedelta(days=1)] * 2
    assert len({asked(instance, night).run_key for night in nights}) == 3
