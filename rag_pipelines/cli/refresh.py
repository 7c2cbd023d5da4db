"""Sources refreshed, and what they add up to built, checked and served, in this process."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from rag_pipelines.cli.output import remarks
from rag_pipelines.cli.runs import ROOM, complaints, end_dead_runs, run_job
from rag_pipelines.errors import RagError
from rag_pipelines.lib.corpus import corpus_digest
from rag_pipelines.lib.documents import documents_of, failures
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.partitions import sync_sources
from rag_pipelines.lib.progress import labelled
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import last_good, materialized
from rag_pipelines.records import Progress
from rag_pipelines.retrieval.verdicts import golden_digest

Figures = dict[str, dict[str, int]]
_TOLD_BY = ("scraped_pages", "pdf_elements", "embeddings")
_ROWS = "dagster/row_count"


def refresh_and_release(
    project: Project, names: Sequence[str], accept_shrink: bool, tell: Progress
) -> tuple[Figures, bool, list[str]]:
    """Figures of each source, whether the pointer moved, and what failed.

    Raises `RagError` where Dagster's own tables cannot be written, as on a full disk.
    """
    with kept_by_dagster(project), instance_of(project.settings) as instance:
        end_dead_runs(instance)
        sync_sources(instance, project.sources)
        figures, problems = _refresh_all(instance, project, names, accept_shrink, tell)
        project.progress = tell
        published, release_problems = _release(instance, project)
    return figures, published, problems + release_problems


@contextmanager
def kept_by_dagster(project: Project) -> Iterator[None]:
    """Raise `RagError` where Dagster's own tables cannot be written."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)  # SQLAlchemy's errors hold SQLite's
        if not isinstance(cause, OSError | sqlite3.OperationalError):
            raise
        home = project.settings.dagster_home
        raise RagError(
            f"Dagster's tables in {home} cannot be written ({cause}); {ROOM}."
        ) from error


def _refresh_all(
    instance: dg.DagsterInstance,
    project: Project,
    names: Sequence[str],
    accept_shrink: bool,
    tell: Progress,
) -> tuple[Figures, list[str]]:
    """Refresh each source; one that fails keeps its last good version and stops no other."""
    figures: Figures = {}
    problems: list[str] = []
    accepted = {"config": {"accept_shrink": accept_shrink}}
    ops = {"scraped_pages": accepted, "pdf_elements": accepted}
    for name in names:
        project.progress = labelled(tell, name)
        result = run_job(instance, "refresh_source", project, name, ops)
        problems += [f"{name}: {why}" for why in (complaints(result) if not result.success else [])]
        figures[name] = _figures(instance, name, result.run_id)
        for url, why in _unread(instance, project, name, result.run_id).items():
            remarks.print(f"[yellow]not read[/yellow] {name}: {url}: {why}", highlight=False)
    return figures, problems


def _unread(
    instance: dg.DagsterInstance, project: Project, name: str, run_id: str
) -> dict[str, str]:
    """Files that this run could not read, and why: they are left out, and stop nothing."""
    made = next(materialized(instance, "pdf_elements", name, 1), None)
    if made is None or made.run_id != run_id:
        return {}
    return failures(documents_of(project.tables, name, made))


def _figures(instance: dg.DagsterInstance, name: str, run_id: str) -> dict[str, int]:
    """What this run computed, and what is in the corpus now."""
    made = {
        asset: next(
            (v.metadata for v in materialized(instance, asset, name, 1) if v.run_id == run_id), {}
        )
        for asset in _TOLD_BY
    }
    now = {asset: last_good(instance, asset, name) for asset in _TOLD_BY}

    def corpus(asset: str, figure: str) -> int:
        version = now[asset]
        return int(version.metadata.get(figure, 0)) if version else 0

    def run(asset: str, figure: str) -> int:
        return int(made[asset].get(figure, 0))

    return {
        "discovered": run("scraped_pages", "discovered") + run("pdf_elements", "discovered"),
        "pages": corpus("scraped_pages", _ROWS) + corpus("pdf_elements", "files_read"),
        "parsed": run("scraped_pages", "parsed") + run("pdf_elements", "parsed"),
        "chunks": corpus("embeddings", _ROWS),
        "embedded": run("embeddings", "computed"),
        "removed": run("scraped_pages", "gone") + run("pdf_elements", "gone"),
        "failed": run("scraped_pages", "failed") + run("pdf_elements", "failed"),
    }


def _release(instance: dg.DagsterInstance, project: Project) -> tuple[bool, list[str]]:
    """Build and serve what is wanted and not yet there; whether the pointer moved."""
    problems: list[str] = []
    digest = corpus_digest(instance, list(project.sources), project.index_spec())
    if digest and project.releases.needs_build(digest, golden_digest(project.settings.golden)):
        built = run_job(instance, "build_release", project)
        problems += complaints(built) if not built.success else []
    elif problem := _remembered(project, digest):
        problems.append(problem)
    release, pointer = project.releases.newest_publishable(), project.releases.current()
    if release is None:
        return False, problems
    if pointer and pointer.serves(release.name, project.model(), project.trial()):
        return False, problems
    moved = run_job(instance, "serve_release", project)
    return moved.success, problems + (complaints(moved) if not moved.success else [])


def _remembered(project: Project, digest: str) -> str:
    """Why this content is not built again: it failed before, with the same golden questions."""
    verdict = project.releases.verdict(digest)
    if verdict is None or verdict.passed:
        return ""
    failed = ", ".join(name for name, check in verdict.checks.items() if not check.passed)
    return (
        f"{verdict.release} has this content and failed {failed}; it is built again when the "
        f"sources or {project.settings.golden} change."
    )
