"""`rag why` and `rag forget`: what became of a URL, and how it is made to go."""

from typing import Annotated, Any

import typer

from rag_pipelines.cli.output import Json, console, print_json
from rag_pipelines.corpus.urls import canonical
from rag_pipelines.errors import UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings

Url = Annotated[str, typer.Argument(help="The page's address.")]


def why(url: Url, as_json: Json = False) -> None:
    """Why a URL is in the corpus or is not: ledger, page, chunks, and the run that fetched it."""
    project, wanted = Project(settings()), _canonical(url)
    from rag_pipelines.cli.provenance import known_of  # dagster takes a second to import

    known = known_of(project, wanted)
    said = {"url": wanted, "denied": wanted in project.denied, "sources": known}
    print_json(said) if as_json else _show(said)


def forget(url: Url, as_json: Json = False) -> None:
    """Put a URL on the deny list: it is in no further release, and never fetched again."""
    project, wanted = Project(settings()), _canonical(url)
    project.deny(wanted)
    said = {"url": wanted, "denied": list(project.denied)}
    if as_json:
        print_json(said)
    else:
        console.print(f"{wanted} is on the deny list; the next release is without it: rag ingest")


def _canonical(url: str) -> str:
    found = canonical(url)
    if found is None:
        raise UserError(f"{url!r} is no address of a page; say http://… or https://…")
    return found


def _show(said: dict[str, Any]) -> None:
    if said["denied"]:
        console.print("It is on the deny list (rag forget).")
    if not said["sources"]:
        console.print("No source knows this URL: nothing that was crawled links to it.")
    for found in said["sources"]:
        row = found["ledger"]
        because = ": ".join(part for part in (row["reason"], row["detail"]) if part)
        console.print(f"[bold]{found['source']}[/bold]  {row['outcome']} {because}".rstrip())
        console.print(f"  status {row['status']}, {row['size']} bytes, fetched {row['fetched_at']}")
        console.print(f"  found on {row['found_on'] or 'the start URLs'} at depth {row['depth']}")
        if found["page"]:
            page = found["page"]
            console.print(f"  page “{page['title']}”, {page['characters']} characters")
        console.print(f"  run {found['run_id']}")
