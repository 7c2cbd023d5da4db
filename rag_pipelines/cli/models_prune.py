"""`rag models prune`: models and measurements that nobody points to, removed when asked."""

from typing import Annotated

import typer

from rag_pipelines.cli.output import Json, console, print_json
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings
from rag_pipelines.storage.artifacts import Artifact, Artifacts

_MB = 1e6


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell, and remove nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Remove models and measurements that nothing names, serves or was made of.

    Kept are what names of variants and bases mean, what is served, the champion, the one before it
    and the challenger, whatever these were made of, and what was measured of them.
    """
    from rag_pipelines.models.pruning import unneeded

    project = Project(settings())
    store = Artifacts(project.settings.artifacts)
    gone = unneeded(store.all(), _pointed_to(project, store))
    if not dry_run:
        store.remove([one.digest for one in gone])
    freed = sum(one.size for one in gone)
    if as_json:
        rows = [{"digest": one.digest, "is": _kind(one), "bytes": one.size} for one in gone]
        print_json({"removed": not dry_run, "bytes": freed, "artifacts": rows})
        return
    for one in gone:
        console.print(f"{one.digest[:12]}  {one.size / _MB:8,.1f} MB  {_kind(one)}")
    done = "would be freed" if dry_run else "freed"
    console.print(f"{len(gone)} artifacts, {freed:,} bytes {done}", highlight=False)


def _pointed_to(project: Project, store: Artifacts) -> set[str]:
    """Digests that somebody points to. Raises `TrackingError` where MLflow cannot be asked."""
    from rag_pipelines.models.tracked import aliased

    pointer = project.releases.current()
    served = {pointer.model.digest} if pointer else set[str]()
    roles = (*project.promotions.champions(), project.promotions.newest("challenger"))
    served |= {one.model.digest for one in roles if one}
    uri = project.settings.mlflow_tracking_uri.get_secret_value()
    return served | set(store.names().values()) | aliased(uri)


def _kind(artifact: Artifact) -> str:
    told = artifact.recipe
    if "measured" in told:
        return f"{told['measured']} of {str(told['model'])[:12]}"
    if set(told) == {"dataset"}:
        return "dataset"
    return str(told.get("method", "evaluation set"))
