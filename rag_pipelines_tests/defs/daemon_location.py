"""A code location with one job whose run can be made to hang, a sensor and a schedule.

The sensor asks as ours do, by `ask_once`; the folder named by `FAULTS_DIR` says what is wanted and
remembers what was done.
"""

import os
import time
from pathlib import Path

import dagster as dg

from rag_pipelines.lib.reconcile import WANTED, ask_once

HERE = Path(os.environ["FAULTS_DIR"])


@dg.op(pool="index_writer")
def work(context: dg.OpExecutionContext) -> None:
    (HERE / f"process-{context.run_id}").write_text(str(os.getpid()))
    while (HERE / "hang").exists():
        time.sleep(0.1)
    (HERE / f"done-{context.run.tags.get(WANTED, 'tick')}").touch()


@dg.job(executor_def=dg.in_process_executor)
def work_job() -> None:
    work()


@dg.sensor(job=work_job, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def reconcile(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    wanted = HERE / "wanted"
    if not wanted.exists() or (HERE / f"done-{wanted.read_text()}").exists():
        return dg.SkipReason("All is done.")
    return ask_once(context.instance, work_job.name, wanted.read_text())


@dg.schedule(
    job=work_job, cron_schedule="* * * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
def every_minute(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())


defs = dg.Definitions(jobs=[work_job], sensors=[reconcile], schedules=[every_minute])
