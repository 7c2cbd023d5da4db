"""Models made, measured and compared in this process, as Dagster's UI would run the jobs."""

from collections.abc import Sequence

import dagster as dg

from rag_pipelines.cli.output import remarks
from rag_pipelines.cli.refresh import kept_by_dagster
from rag_pipelines.cli.runs import complaints, end_dead_runs, run_job
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.partitions import sync_models
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Progress


def make_and_compare(project: Project, names: Sequence[str], tell: Progress) -> list[str]:
    """Make the variants of these names, compare all there are, and tell what failed.

    One that fails keeps its last good version and stops no other.
    """
    with kept_by_dagster(project), instance_of(project.settings) as instance:
        end_dead_runs(instance)
        sync_models(instance, project.models)
        project.progress = tell
        if problems := run_of_models(
            instance, project, "make_base_models", "base models", None, tell
        ):
            return problems
        for name in names:
            job = f"make_{project.models.variants[name].asset}"
            problems += run_of_models(instance, project, job, name, name, tell)
        return problems + run_of_models(
            instance, project, "compare_models", "comparison", None, tell
        )


def run_of_models(
    instance: dg.DagsterInstance,
    project: Project,
    job: str,
    label: str,
    partition: str | None,
    tell: Progress,
) -> list[str]:
    tell(label, 0, 1)
    result = run_job(instance, job, project, partition)
    tell(label, 1, 1)
    found = complaints(result) if not result.success else []
    for why in found:
        remarks.print(f"[red]failed[/red] {label}: {why}", highlight=False)
    return [f"{label}: {why}" for why in found]
