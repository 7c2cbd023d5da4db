"""`rag ingest`: refresh sources, build what they add up to, check it, serve it.

Materializes the same assets in the same Dagster instance as the UI does, and needs no daemon.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import dagster as dg
import typer

from rag_pipelines.cli.output import Json, console, print_json, progress_bars, remarks
from rag_pipelines.cli.runs import complaints, run_job
from rag_pipelines.errors import UserError
from rag_pipelines.lib.corpus import corpus_digest
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.lib.partitions import sync_sources
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import last_good, materialized
from rag_pipelines.records import Progress
from rag_pipelines.retrieval.verdicts import golden_digest
from rag_pipelines.settings import settings


def ingest(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources of sources.yaml.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every source.")] = False,
    accept_shrink: Annotated[
        bool, typer.Option(help="Accept this once that most of a source's pages are gone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Refresh sources, then build, check and serve the release that they add up to."""
    began, project = time.monotonic(), Project(settings())
    names = _chosen(project, sources or [], everything)
    with instance_of(project.settings) as instance, progress_bars() as tell:
        sync_sources(instance, project.sources)
        figures, problems = _refresh_all(instance, project, names, accept_shrink, tell)
        project.progress = tell
        published, release_problems = _release(instance, project)
    said = _said(project, figures, published, time.monotonic() - began)
    for problem in problems + release_problems:
        remarks.print(f"[red]failed[/red] {problem}", highlight=False)
    print_json(said) if as_json else _show(said)
    if problems or release_problems:
        raise typer.Exit(1)


def _chosen(project: Project, named: Sequence[str], everything: bool) -> list[str]:
    if not project.sources:
        raise UserError(
            f"{project.settings.sources} names no source; copy examples/sources.yaml there and "
            "name your start_urls."
        )
    if everything and named:
        raise UserError("Name sources or say --all, not both.")
    if not everything and not named and len(project.sources) > 1:
        raise UserError(f"Name sources or say --all; there are: {', '.join(project.sources)}.")
    for name in named:
        project.source(name)
    return list(dict.fromkeys(named)) or list(project.sources)


def _refresh_all(
    instance: dg.DagsterInstance,
    project: Project,
    names: Sequence[str],
    accept_shrink: bool,
    tell: Progress,
) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Refresh each source; one that fails keeps its last good version and stops no other."""
    figures: dict[str, dict[str, int]] = {}
    problems: list[str] = []
    ops = {"scraped_pages": {"config": {"accept_shrink": accept_shrink}}}
    for name in names:
        project.progress = _labelled(tell, name)
        result = run_job(instance, "refresh_source", project, name, ops)
        problems += [f"{name}: {why}" for why in (complaints(result) if not result.success else [])]
        figures[name] = _figures(instance, name, result.run_id)
    return figures, problems


def _labelled(tell: Progress, label: str) -> Progress:
    return lambda stage, done, total: tell(f"{label}: {stage}", done, total)


def _figures(instance: dg.DagsterInstance, name: str, run_id: str) -> dict[str, int]:
    """What this run computed, and what is in the corpus now."""
    made = {
        asset: next(
            (v.metadata for v in materialized(instance, asset, name, 1) if v.run_id == run_id), {}
        )
        for asset in ("scraped_pages", "embeddings")
    }
    now = {asset: last_good(instance, asset, name) for asset in ("scraped_pages", "embeddings")}
    rows = {a: int(v.metadata["dagster/row_count"]) if v else 0 for a, v in now.items()}
    scrape = made["scraped_pages"]
    return {
        "discovered": int(scrape.get("discovered", 0)),
        "pages": rows["scraped_pages"],
        "parsed": int(scrape.get("parsed", 0)),
        "chunks": rows["embeddings"],
        "embedded": int(made["embeddings"].get("computed", 0)),
        "removed": int(scrape.get("gone", 0)),
        "failed": int(scrape.get("failed", 0)),
    }


def _release(instance: dg.DagsterInstance, project: Project) -> tuple[bool, list[str]]:
    """Build and serve what is wanted and not yet there; whether the pointer moved."""
    problems: list[str] = []
    digest = corpus_digest(instance, list(project.sources), project.index_spec())
    if digest and project.releases.needs_build(digest, golden_digest(project.settings.golden)):
        built = run_job(instance, "build_release", project)
        problems += complaints(built) if not built.success else []
    release, pointer = project.releases.newest_publishable(), project.releases.current()
    wanted = (release.name, project.model()) if release else None
    if wanted is None or (pointer and (pointer.release, pointer.model) == wanted):
        return False, problems
    moved = run_job(instance, "serve_release", project)
    return moved.success, problems + (complaints(moved) if not moved.success else [])


def _said(
    project: Project, figures: dict[str, dict[str, int]], published: bool, seconds: float
) -> dict[str, Any]:
    pointer = project.releases.current()
    return {
        "release": pointer.release if pointer else None,
        "published": published,
        "seconds": round(seconds, 2),
        "sources": figures,
    }


def _show(said: dict[str, Any]) -> None:
    for name, figures in said["sources"].items():
        console.print(f"[bold]{name}[/bold]  " + "  ".join(f"{k} {v}" for k, v in figures.items()))
    state = "published" if said["published"] else "unchanged"
    console.print(f"release {said['release'] or 'none'} ({state}) in {said['seconds']} s")
