"""Jobs run by hand, in this process, as Dagster's UI would run them in one of its own."""

import os
from functools import cache
from typing import Any

import dagster as dg

from rag_pipelines.definitions import defs
from rag_pipelines.lib.project import Project
from rag_pipelines.storage.durable import runs, tells_of_full_disk

_PROCESS = "rag/process"
"""Tag with the process id of the command that runs it."""
ROOM = "make room on that disk and run again: what is served stays as it is"


def run_job(
    instance: dg.DagsterInstance,
    job: str,
    project: Project,
    partition: str | None = None,
    ops: dict[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job of the definitions; a failure is in the result and is not raised."""
    config = {
        "ops": ops or {},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return (
        _definitions()
        .resolve_job_def(job)
        .execute_in_process(
            run_config=config,
            instance=instance,
            partition_key=partition,
            tags={_PROCESS: str(os.getpid())},
            resources={"project": project},
            raise_on_error=False,
        )
    )


@cache
def _definitions() -> dg.Definitions:
    """Loaded once: a run for each source, a build and a publication would each load them anew."""
    return defs()


def end_dead_runs(instance: dg.DagsterInstance) -> int:
    """Fail the runs of commands that were killed, and tell how many there were.

    Such a run would hold its slot of a pool for ever, and the next command would wait for it.
    """
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    dead = [run for run in instance.get_runs(started) if not _lives(run.tags.get(_PROCESS, ""))]
    for run in dead:
        instance.report_run_failed(run, "The command that ran it was killed.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


def _lives(process: str) -> bool:
    """Whether a command still runs; of a run that is no command's, its own launcher knows."""
    return not process or runs(int(process))


def complaints(result: dg.ExecuteInProcessResult) -> list[str]:
    """Why a run failed: its failed blocking checks, else its failed steps."""
    failed = [
        f"check {evaluation.check_name} of {evaluation.asset_key.to_user_string()} failed: "
        + (evaluation.description or _figures(evaluation.metadata))
        for event in result.all_events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and not (evaluation := event.asset_check_evaluation_data).passed
        and evaluation.blocking
    ]
    return failed or [_cause(event) for event in result.all_events if event.is_step_failure]


def _figures(metadata: Any) -> str:
    return ", ".join(f"{name} {value.value}" for name, value in metadata.items())


def _without_class(told: str, name: str | None) -> str:
    """What was raised for a person to read, without the name of its class."""
    first, colon, rest = told.partition(": ")
    ours = first == f"rag_pipelines.errors.{name}" or first.endswith(".events.Failure")
    return rest if colon and ours else told


def _cause(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    told = _without_class(error.message.strip(), error.cls_name) if error else str(event.message)
    return f"{told}; {ROOM}" if tells_of_full_disk(told) else told
