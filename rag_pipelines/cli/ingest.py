"""`rag ingest`: refresh sources, build what they add up to, check it, serve it.

Materializes the same assets in the same Dagster instance as the UI does, and needs no daemon.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from rag_pipelines.cli.output import Json, console, print_json, progress_bars, remarks
from rag_pipelines.errors import UserError
from rag_pipelines.lib.project import Project
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
    from rag_pipelines.cli.refresh import refresh_and_release  # dagster takes a second to import

    with progress_bars() as tell:
        figures, published, problems = refresh_and_release(project, names, accept_shrink, tell)
    said = _said(project, figures, published, time.monotonic() - began)
    for problem in problems:
        remarks.print(f"[red]failed[/red] {problem}", highlight=False)
    print_json(said) if as_json else _show(said)
    if problems:
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
