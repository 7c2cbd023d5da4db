"""`rag feedback`: what people said of answers."""

from typing import Annotated

import typer

from rag_pipelines.chat.history.protocol import Feedback
from rag_pipelines.cli.output import console, print_json
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings

app = typer.Typer(no_args_is_help=True, help="What people said of answers.")


@app.callback()
def feedback() -> None:
    """What people said of answers."""


@app.command()
def export(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, with all that is kept.")
    ] = False,
) -> None:
    """All ratings, corrections and comments, oldest first, with what was asked and answered."""
    for opinion in Project(settings()).feedback():
        if as_json:
            print_json(opinion)
        else:
            console.print(_line(opinion), highlight=False, markup=False)


def _line(opinion: Feedback) -> str:
    said = " / ".join(filter(None, (opinion.question, opinion.correction, opinion.comment)))
    return f"{opinion.created_at}  {opinion.rating:4}  {opinion.user_id}: {' '.join(said.split())}"
