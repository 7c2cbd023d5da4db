"""One schedule for each source that has a cron line."""

import dagster as dg

from rag_pipelines.defs.jobs import refresh_source
from rag_pipelines.lib.partitions import sync_sources
from rag_pipelines.settings import settings
from rag_pipelines.sources import load_sources


def schedule_of(source: str, cron: str) -> dg.ScheduleDefinition:
    """Refreshes the source when its cron line says so; a tick's run key keeps it to one run."""

    @dg.schedule(
        name=f"refresh_{source.replace('-', '_')}",
        job=refresh_source,
        cron_schedule=cron,
        execution_timezone="UTC",  # a night has no hour twice there, and misses none
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Refresh {source} at {cron} (UTC).",
    )
    def refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        sync_sources(context.instance, load_sources(settings().sources))
        due = context.scheduled_execution_time.isoformat()
        return dg.RunRequest(run_key=f"{source}@{due}", partition_key=source)

    return refresh


@dg.definitions
def schedules() -> dg.Definitions:
    """Read from `sources.yaml` when the definitions load; none where there is none."""
    sources = load_sources(settings().sources)
    return dg.Definitions(
        schedules=[schedule_of(n, s.schedule) for n, s in sources.items() if s.schedule]
    )
