"""`rag releases` and `rag rollback`."""

from typing import Annotated, Any

import typer

from rag_pipelines.cli.output import Json, console, print_json, progress_bars
from rag_pipelines.errors import ReleaseError, UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.service import wait_until_served
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.settings import settings


def list_releases(
    rebuild: Annotated[
        str | None,
        typer.Option(help="Build this damaged release again from its own rows, and serve that."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Releases on disk, and which of them is served."""
    project = Project(settings())
    releases = project.releases
    if rebuild:
        _rebuild(project, rebuild)
    pointer = releases.current()
    said = {
        "current": pointer.release if pointer else None,
        "generation": pointer.generation if pointer else 0,
        "releases": [_row(r, releases.state(r)) for r in releases.list()],
    }
    print_json(said) if as_json else _show(said)


def rollback(
    release: Annotated[
        str | None, typer.Argument(help="Release to go back to; default the one before.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for those who look later.")] = "",
    as_json: Json = False,
) -> None:
    """Serve an older release, and keep the one that is turned away from coming back."""
    project = Project(settings())
    try:
        pointer = project.releases.rollback(release, reason or "rag rollback")
    except ReleaseError as error:
        raise UserError(str(error)) from None
    wait_until_served(project.settings, pointer.generation)
    if as_json:
        print_json(pointer)
    else:
        console.print(f"{pointer.release} is served (generation {pointer.generation})")


def _rebuild(project: Project, name: str) -> None:
    with progress_bars() as tell:
        project.releases.rebuild(name, "rag releases --rebuild", tell)
    verdict = project.verify_head()
    if not verdict.passed:
        raise ReleaseError(f"{verdict.release} failed its checks as well; run rag ingest --all.")
    pointer = project.releases.publish(
        verdict.release, project.model(), f"rebuilt from {name}", project.trial()
    )
    wait_until_served(project.settings, pointer.generation)


def _row(release: Release, state: str) -> dict[str, Any]:
    manifest = release.manifest
    return {
        "release": release.name,
        "created_at": manifest.created_at,
        "chunks": manifest.rows,
        "sources": manifest.sources,
        "metrics": manifest.metrics,
        "state": state,
    }


def _show(said: dict[str, Any]) -> None:
    if not said["releases"]:
        console.print("No release yet; run rag ingest --all.")
    for row in said["releases"]:
        mark = "→" if row["release"] == said["current"] else " "
        console.print(
            f"{mark} {row['release']}  {row['created_at']}  {row['chunks']} chunks  {row['state']}"
        )
