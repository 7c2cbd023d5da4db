"""`rag why` and `rag forget`: what became of a URL, and how it is made to go."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from rag_pipelines.cli.output import Json, console, print_json
from rag_pipelines.corpus.urls import canonical
from rag_pipelines.errors import UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.retrieval.lineage import known_of
from rag_pipelines.settings import settings

Url = Annotated[
    str,
    typer.Argument(help="An address, or file: and a path relative to sources.yaml."),
]


def why(url: Url, as_json: Json = False) -> None:
    """Why a URL or file is in the corpus or is not: ledger, page, file, and the run behind it."""
    project, wanted = Project(settings()), _canonical(url)
    from rag_pipelines.lib.instance import instance_of  # dagster takes a second to import
    from rag_pipelines.lib.origins import origin_now

    with instance_of(project.settings) as instance:
        origins = {name: origin_now(instance, name) for name in project.sources}
    found = [known_of(project.tables, name, origin, wanted) for name, origin in origins.items()]
    known = [asdict(one) for one in found if one]
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
    found = url if url.startswith("file:") else canonical(url)
    if found is None:
        raise UserError(
            f"{url!r} is no address of a page or file; say http://…, https://… or file:PATH with "
            "the path relative to sources.yaml"
        )
    return found


def _show(said: dict[str, Any]) -> None:
    if said["denied"]:
        console.print("It is on the deny list (rag forget).")
    if not said["sources"]:
        console.print(f"No source knows {said['url']}: {_unknown(said['url'])}.")
    for found in said["sources"]:
        console.print(f"[bold]{found['source']}[/bold]")
        if found["ledger"]:
            _show_row(found["ledger"])
        if found["page"]:
            page = found["page"]
            console.print(f"  page “{page['title']}”, {page['characters']} characters")
        if found["document"]:
            _show_file(found["document"])
        console.print(f"  run {found['run_id']}")


def _unknown(url: str) -> str:
    if url.startswith("file:"):
        return "no file of that path was found by the globs of a documents: source"
    return "nothing that was crawled links to it"


def _show_row(row: dict[str, Any]) -> None:
    because = ": ".join(part for part in (row["reason"], row["detail"]) if part)
    console.print(f"  {row['outcome']} {because}".rstrip())
    console.print(f"  status {row['status']}, {row['size']} bytes, fetched {row['fetched_at']}")
    console.print(f"  found on {row['found_on'] or 'the start URLs'} at depth {row['depth']}")


def _show_file(file: dict[str, Any]) -> None:
    state = f"not read: {file['problem']}" if file["problem"] else f"read by {file['parser']}"
    console.print(f"  file “{file['title'] or file['name']}”, {file['pages']} pages, {state}")
    console.print(f"  {file['media_type']}, {file['size']} bytes, SHA-256 {file['document']}")
