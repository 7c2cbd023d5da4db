"""`rag ask` and `rag search`: what the chat service would say, without it running."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from rag_pipelines.chat.answer import Question, Version, answer
from rag_pipelines.chat.events import Answer
from rag_pipelines.chat.schemas import search_body
from rag_pipelines.chat.served import current_version
from rag_pipelines.cli.output import Json, console, print_json
from rag_pipelines.documents.tables_headers import column_names
from rag_pipelines.documents.tables_html import grid_of_html
from rag_pipelines.errors import UserError
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.lib.project import Project
from rag_pipelines.records import Citation, Hit, ModelRef
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
        asked = Question(text=question, filters=Filters(sources=source or ()))
        said = asyncio.run(answer(asked, version))
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

    def load(served: ModelRef) -> Generator:
        named = project.settings.generator
        model = project.model() if named else served
        return load_generator(model.name, project.settings.home, project.servers, model.digest)

    with current_version(project.releases, project.embedder, load) as version:
        yield version


def _show_answer(said: Answer) -> None:
    console.print(escape(said.answer))
    by_chunk = defaultdict[str, list[Citation]](list)
    for citation in said.citations:
        by_chunk[citation.chunk_id].append(citation)
    for cited in by_chunk.values():
        _show_cited(cited)
    console.print(f"\n[dim]{escape(said.model)} · {said.release}[/dim]")


def _show_cited(cited: Sequence[Citation]) -> None:
    """Where a passage stands, told once, and each quote of it; of a table, the table."""
    first, numbers = cited[0], " ".join(f"\\[{citation.n}]" for citation in cited)
    console.print(f"\n[bold]{numbers}[/bold] {escape(_titled(first.title, first.heading))}")
    console.print(f"    {escape(_place(first.url, first.page))}")
    if first.html:
        console.print(_table(first.html), highlight=False)
        return
    for citation in cited:
        console.print(f"    [dim]“{escape(' '.join(citation.quote.split()))}”[/dim]")


def _titled(title: str, heading: str) -> str:
    return f"{title} — {heading}" if heading else title


def _place(url: str, page: int | None) -> str:
    return f"{url} · page {page}" if page else url


def _table(html: str) -> Padding:
    """A cited table, its column names above it, spans repeated."""
    grid, caption = grid_of_html(html)
    rows = grid.rows()
    names = column_names(rows, grid.headers) if grid.headers else [""] * grid.width
    table = Table(title=escape(caption) or None, show_header=grid.headers > 0, title_justify="left")
    for name in names:
        table.add_column(escape(name), overflow="fold")
    for row in rows[grid.headers :]:
        table.add_row(*map(escape, row))
    return Padding(table, (0, 0, 0, 4), expand=False)


def _show_hits(hits: list[Hit]) -> None:
    if not hits:
        console.print("Nothing was found.")
    for hit in hits:
        found = hit.chunk
        title, place = _titled(found.title, found.heading), _place(found.url, found.page)
        console.print(f"[bold]{hit.rank}[/bold] {escape(title)} [dim]{hit.score:.3f}[/dim]")
        text = " ".join(found.text.split())
        console.print(f"  {escape(place)}\n  [dim]{escape(text[:240])}[/dim]")
