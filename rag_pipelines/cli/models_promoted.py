"""`rag models promote` and `rollback`: which model is the champion, by the gate or by hand."""

from getpass import getuser
from typing import Annotated, Any

import typer

from rag_pipelines.cli.output import Json, console, print_json, progress_bars
from rag_pipelines.lib.project import Project
from rag_pipelines.models.promotions import ROLES, Promotion
from rag_pipelines.settings import settings

By = Annotated[str | None, typer.Option(help="Who decides; default the user of this machine.")]
Reason = Annotated[str, typer.Option(help="Why, for those who look later.")]


def promote(
    name: Annotated[
        str | None, typer.Argument(help="A compared model to promote by hand; default: the gate.")
    ] = None,
    by: By = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Try every challenger against the champion, and promote one that is better; or a named one."""
    project = Project(settings())
    if name is None:
        _by_gate(project)
    else:
        from rag_pipelines.lib.promotion import made_digest, name_for

        digest = made_digest(project, name)
        name_for(project, "champion", name, digest, by or getuser(), reason or "by hand")
    _tell(project, as_json)


def rollback(by: By = None, reason: Reason = "", as_json: Json = False) -> None:
    """Make the champion before the present one the champion again; the gate leaves that one out."""
    from rag_pipelines.lib.promotion import roll_back

    project = Project(settings())
    roll_back(project, by or getuser(), reason or "rolled back")
    _tell(project, as_json)


def promotions(as_json: Json = False) -> None:
    """Every promotion so far: of which model, when, by whom and why."""
    found = Project(settings()).promotions.all()
    if as_json:
        print_json({"promotions": [_row(one) for one in found]})
        return
    for one in found:
        console.print(_line(one), highlight=False, markup=False)
    if not found:
        console.print("No model was promoted yet; run: rag models promote")


def _by_gate(project: Project) -> None:
    from rag_pipelines.cli.models_tuned import run_gate  # dagster takes a second to import

    with progress_bars() as tell:
        problems = run_gate(project, tell)
    if problems:
        raise typer.Exit(1)


def _tell(project: Project, as_json: bool) -> None:
    """Who is the champion now, who the challenger and why, and whether the service follows."""
    from rag_pipelines.lib.promotion import serve_promoted

    served = serve_promoted(project)
    found = {role: project.promotions.newest(role) for role in ROLES}
    if as_json:
        rows = {role: _row(one) if one else None for role, one in found.items()}
        print_json(rows | {"served": served})
        return
    for one in filter(None, found.values()):
        console.print(_line(one), highlight=False, markup=False)
    if served is None:
        console.print("To serve it, set RAG_GENERATOR=registry:champion and run: rag ingest --all")


def _row(one: Promotion) -> dict[str, Any]:
    model = {"model": one.model.name, "digest": one.model.digest}
    return {"role": one.role, "name": one.variant, **model, "by": one.by, "reason": one.reason} | {
        "at": one.at
    }


def _line(one: Promotion) -> str:
    return f"{one.at[:19]}  {one.role}: {one.model.name}, by {one.by}: {one.reason}"
