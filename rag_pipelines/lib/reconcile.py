"""Asking for a run once: not while one is under way, and again, later, after one that failed."""

import time

import dagster as dg

WANTED = "rag/wanted"
"""Run tag that names the state a run is to bring about."""
_PAUSE_SECONDS = 300.0
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def ask_once(
    instance: dg.DagsterInstance, job: str, wanted: str, now: float | None = None
) -> dg.SensorResult | dg.SkipReason:
    """Request a run for a wanted state.

    The run key holds the number of runs that have ended for it, so a daemon that is killed
    between launching and remembering does not launch twice, and a failed run does not consume
    the wish.
    """
    runs = instance.get_run_records(dg.RunsFilter(job_name=job, tags={WANTED: wanted}))
    if any(record.dagster_run.status in _UNDER_WAY for record in runs):
        return dg.SkipReason(f"{job} for {wanted} is under way.")
    ended = max((record.end_time or 0.0 for record in runs), default=0.0)
    if (now or time.time()) - ended < _PAUSE_SECONDS * len(runs):
        return dg.SkipReason(f"{job} for {wanted} did not bring it about; it is tried again later.")
    key = f"{wanted}:{len(runs)}"
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key, tags={WANTED: wanted})])
