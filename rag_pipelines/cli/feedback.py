"""`rag feedback`: what people said of answers."""

import asyncio
from typing import Annotated

import typer

from rag_pipelines.chat.history.protocol import ChatHistory, Feedback
from rag_pipelines.chat.history.stores import open_history
from rag_pipelines.cli.output import console, print_json
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
    found = settings()
    history = open_history(found.history_url.get_secret_value(), found.history_ttl_days)
    for opinion in asyncio.run(_all(history)):
        if as_json:
            print_json(opinion)
        else:
            console.print(_line(opinion), highlight=False, markup=False)


async def _all(history: ChatHistory) -> list[Feedback]:
    try:
        return await history.feedback()
    finally:
        await history.close()


def _line(opinion: Feedback) -> str:
    said = " / ".join(filter(None, (opinion.question, opinion.correction, opinion.comment)))
    return f"{opinion.created_at}  {opinion.rating:4}  {opinion.user_id}: {' '.join(said.split())}"
