import os
import subprocess
import sys

import dagster as dg
import pytest

from rag_pipelines.cli.runs import end_dead_runs


@dg.op(pool="accelerator")
def work() -> None:
    """Something that needs the one slot of its pool."""


@dg.job(executor_def=dg.in_process_executor)
def working() -> None:
    work()


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(
        str(tmp_path), overrides={"concurrency": {"pools": {"default_limit": 1}}}
    ) as instance:
        yield instance


def held_by(instance: dg.DagsterInstance, process: int) -> str:
    """A run that is under way and holds the slot, as a command leaves it that is killed."""
    run = instance.create_run_for_job(
        working, status=dg.DagsterRunStatus.STARTED, tags={"rag/process": str(process)}
    )
    instance.event_log_storage.initialize_concurrency_limit_to_default("accelerator")
    claim = instance.event_log_storage.claim_concurrency_slot("accelerator", run.run_id, "work")
    assert claim.is_claimed
    return run.run_id


def test_a_killed_command_holds_no_slot_of_the_next_one(instance):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    run_id = held_by(instance, ended.pid)
    assert end_dead_runs(instance) == 1
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.FAILURE
    assert working.execute_in_process(instance=instance).success


def test_a_command_that_runs_keeps_its_slot(instance):
    run_id = held_by(instance, os.getpid())
    assert end_dead_runs(instance) == 0
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.STARTED
