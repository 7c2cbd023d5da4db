"""`rag models ab` and `rag models push`: the challenger's trial, and models for other servers."""

from typing import Annotated, Any

import typer

from rag_pipelines.cli.output import Json, console, print_json, progress_bars
from rag_pipelines.errors import UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings
from rag_pipelines.storage.artifacts import Artifacts

push_app = typer.Typer(no_args_is_help=True, help="Put a model into another server.")


def ab(as_json: Json = False) -> None:
    """Ratings of the champion's answers and of the challenger's, with intervals."""
    from rag_pipelines.chat.arms import LEVEL, Arm, arms_of

    project = Project(settings())
    found = arms_of(project.feedback(), project.releases.current())
    if found is None:
        raise UserError(
            "No challenger is tried. Set RAG_CHALLENGER to a generator's name, such as "
            "registry:challenger, and publish it: rag ingest --all"
        )

    def row(role: str, arm: Arm) -> dict[str, Any]:
        share = arm.share_up if arm.rated else None
        interval = [round(arm.low, 4), round(arm.high, 4)]
        named = {"role": role, "model": arm.model.name, "digest": arm.model.digest}
        return {**named, "up": arm.up, "down": arm.down, "share_up": share, "interval": interval}

    rows = [row("champion", found.champion), row("challenger", found.challenger)]
    if as_json:
        said = {"difference": [found.low, found.high], "conclusion": found.conclusion}
        print_json({"since": found.since, "share": found.share, "arms": rows, **said})
        return
    from rich.table import Table

    table = Table("", "model", "up", "down", "share up", f"{LEVEL:.0%} interval", box=None)
    for one in rows:
        share = "" if one["share_up"] is None else f"{one['share_up']:.0%}"
        low, high = one["interval"]
        counts = (str(one["up"]), str(one["down"]))
        table.add_row(one["role"], one["model"], *counts, share, f"{low:.0%} to {high:.0%}")
    console.print(table, soft_wrap=False, highlight=False)
    console.print(
        f"The challenger answers {found.share:.0%} of the users since {found.since}: "
        f"{found.conclusion} (difference {found.low:+.0%} to {found.high:+.0%}).",
        highlight=False,
    )


@push_app.command()
def ollama(
    name: Annotated[str, typer.Argument(help="A model of models.yaml that was made.")],
    called: Annotated[
        str | None, typer.Option("--as", help="Its name there; default rag-NAME.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The server; default OLLAMA_HOST.")] = None,
) -> None:
    """Create a base, merged or tuned model in an Ollama server."""
    from rag_pipelines.inference.ollama_store import push

    project = Project(settings())
    store = Artifacts(project.settings.artifacts)
    digest = store.named(name)
    if digest is None:
        made = ", ".join(sorted(store.names())) or "none"
        raise UserError(f"No model {name!r} was made here; these were: {made}.")
    there, address = called or f"rag-{name}", host or project.settings.ollama_host
    with progress_bars() as tell:
        push(store.open(digest, verify=True).folder, there, address, project.servers, tell)
    console.print(f"{there} is at {address}; use it with RAG_GENERATOR=ollama:{there}")
