"""When what models learn from is gathered. Training itself is a job that a person starts."""

import dagster as dg

from rag_pipelines.defs.jobs import gather_feedback
from rag_pipelines.lib.project import Project


@dg.schedule(
    job=gather_feedback,
    cron_schedule="0 4 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def gather_feedback_daily(
    context: dg.ScheduleEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.RunRequest | dg.SkipReason:
    """Gathers feedback every night, once somebody has given any."""
    if not project.feedback():
        return dg.SkipReason("Nobody has rated an answer yet.")
    return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())
