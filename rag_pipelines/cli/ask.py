"""`rag ask` and `rag search`: what the chat service would say, without it running."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.markup import escape

from rag_pipelines.chat.answer import Answer, Question, Version, answer
from rag_pipelines.chat.schemas import search_body
from rag_pipelines.chat.served import current_version
from rag_pipelines.cli.output import Json, console, print_json
from rag_pipelines.errors import UserError
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Hit
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines.settings import settings

Sources = Annotated[list[str] | None, typer.Option("--source", help="Only from this source.")]


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    source: Sources = None,
    as_json: Json = False,
) -> None:
    """Answer a question from the release being served, with citations."""
    if not question.strip():
        raise UserError("The question is empty; say what you want to know.")
    with _served() as version:
        said = answer(Question(text=question, filters=Filters(sources=source or ())), version)
    print_json(said) if as_json else _show_answer(said)


def search(
    query: Annotated[str, typer.Argument(help="Words to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="How many results.")] = 10,
    source: Sources = None,
    as_json: Json = False,
) -> None:
    """Passages of the release being served that fit a query best."""
    if not query.strip():
        raise UserError("The query is empty; say what to look for.")
    with _served() as version:
        hits = version.retriever.search(query, k, Filters(sources=source or ()))
        release = version.retriever.manifest.release
    print_json(search_body(release, hits).model_dump()) if as_json else _show_hits(hits)


@contextmanager
def _served() -> Iterator[Version]:
    project = Project(settings())
    if project.releases.current() is None:
        raise UserError("Nothing is published yet; run rag ingest --all.")

    def load(name: str | None) -> Generator:
        named = project.settings.generator or name
        return load_generator(named, project.settings.home, project.servers)

    with current_version(project.releases, project.embedder, load) as version:
        yield version


def _show_answer(said: Answer) -> None:
    console.print(escape(said.answer))
    for citation in said.citations:
        where = f"{citation.title} — {citation.heading}" if citation.heading else citation.title
        console.print(f"\n[bold]\\[{citation.n}][/bold] {escape(where)}")
        console.print(f"    {escape(citation.url)}\n    [dim]“{escape(citation.quote)}”[/dim]")
    console.print(f"\n[dim]{escape(said.model)} · {said.release}[/dim]")


def _show_hits(hits: list[Hit]) -> None:
    if not hits:
        console.print("Nothing was found.")
    for hit in hits:
        title = " — ".join(part for part in (hit.chunk.title, hit.chunk.heading) if part)
        console.print(f"[bold]{hit.rank}[/bold] {escape(title)} [dim]{hit.score:.3f}[/dim]")
        text = " ".join(hit.chunk.text.split())
        console.print(f"  {escape(hit.chunk.url)}\n  [dim]{escape(text[:240])}[/dim]")
