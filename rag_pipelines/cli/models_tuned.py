"""Models trained and promoted in this process, as Dagster's UI would run the jobs."""

from collections.abc import Sequence

from rag_pipelines.cli.models_made import run_of_models
from rag_pipelines.cli.output import remarks
from rag_pipelines.cli.refresh import kept_by_dagster
from rag_pipelines.cli.runs import end_dead_runs
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.partitions import sync_models
from rag_pipelines.lib.project import Project
from rag_pipelines.models.config import Models
from rag_pipelines.models.tuning.config import asset_of, learns_from_pairs
from rag_pipelines.records import Progress

_JOBS = {"lora_adapter": "train_lora"}
"""Jobs that are not named for their one asset."""


def tune_models(project: Project, names: Sequence[str], tell: Progress) -> list[str]:
    """Gather what is learned from, train the models of these names, and tell what failed.

    A model comes after what it is made of and the reward that it learns from, where those are
    named as well. One that fails stops those that need it and no other.
    """
    models = project.models
    with kept_by_dagster(project), instance_of(project.settings) as instance:
        end_dead_runs(instance)
        sync_models(instance, models)
        project.progress = tell
        for job, label in _first(models, names):
            if problems := run_of_models(instance, project, job, label, None, tell):
                return problems
        failed: dict[str, str] = {}
        for name in in_order(models, names):
            if missing := [n for n in needed(models, name) if n in failed]:
                failed[name] = f"{name}: not trained, since {missing[0]} was not"
                remarks.print(f"[red]failed[/red] {failed[name]}", highlight=False)
                continue
            asset = asset_of(models.tuned[name])
            job = _JOBS.get(asset, f"train_{asset}")
            if problems := run_of_models(instance, project, job, name, name, tell):
                failed[name] = problems[0]
    return list(failed.values())


def run_gate(project: Project, tell: Progress) -> list[str]:
    """Gather what is held out, try every challenger against the champion, and tell what failed."""
    with kept_by_dagster(project), instance_of(project.settings) as instance:
        end_dead_runs(instance)
        project.progress = tell
        for job, label in (("gather_examples", "examples"), ("promote_model", "promotion")):
            if problems := run_of_models(instance, project, job, label, None, tell):
                return problems
    return []


def needed(models: Models, name: str) -> list[str]:
    """The tuned models that have to be there before this one: its parent and its reward."""
    tuning = models.tuned[name]
    wanted = [tuning.of, getattr(tuning, "reward", "")]
    return [one for one in wanted if one in models.tuned]


def in_order(models: Models, names: Sequence[str]) -> list[str]:
    """The names, each after those among them that it needs."""
    ordered: list[str] = []

    def add(name: str) -> None:
        for one in needed(models, name):
            add(one)
        if name in names and name not in ordered:
            ordered.append(name)

    for name in names:
        add(name)
    return ordered


def _first(models: Models, names: Sequence[str]) -> list[tuple[str, str]]:
    """Jobs that all the trainings need, with labels."""
    pairs = any(learns_from_pairs(models.tuned[name]) for name in names)
    reinforced = any(asset_of(models.tuned[name]) == "ppo_model" for name in names)
    return [
        ("make_base_models", "base models"),
        ("gather_feedback", "feedback"),
        ("gather_examples", "examples"),
        *([("gather_preferences", "preferences")] if pairs or reinforced else []),
    ]
