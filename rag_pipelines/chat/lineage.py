"""Where an answer comes from: release, model, prompt, and of each citation passage, page and fetch.

Knows JSON. What a source knows of a URL is told by `retrieval.lineage`, as `rag why` tells it; here
it is the versions that the answer's release was made from, whatever the sources say by now.
"""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from rag_pipelines.chat.access import user_of
from rag_pipelines.chat.history.protocol import ChatHistory, Turn
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.schemas import Identifier
from rag_pipelines.chat.sessions import GivenUser
from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import Chunk, Citation, DocumentFile, LedgerEntry
from rag_pipelines.retrieval.lineage import PageSnapshot, known_of
from rag_pipelines.retrieval.manifest import Manifest, Origin
from rag_pipelines.retrieval.rows import Rows
from rag_pipelines.storage.tables import Tables

AnswerId = Annotated[Identifier, Path(description="As an answer names itself.")]


class ReleaseLineage(BaseModel):
    """The release that was answered from, and the run that built it."""

    release: str
    digest: str
    embedder: str
    created_at: str
    run_id: str


class CitationLineage(BaseModel):
    """A citation back to the run that fetched what it quotes. What is not known is null.

    `page` is the stored page and `fetch` its row in the ledger; a file of this machine has a
    `document` and no fetch, a PDF of a website both. `run_id` is Dagster's.
    """

    n: int
    url: str
    quote: str
    chunk: Chunk | None = None
    page: PageSnapshot | None = None
    document: DocumentFile | None = None
    fetch: LedgerEntry | None = None
    run_id: str | None = None


class LineageBody(BaseModel):
    """Where an answer comes from. `release` is null where it is not kept any more.

    Then `missing` says so, and of citations only what the answer itself holds is known.
    """

    answer_id: str
    session_id: str
    created_at: str
    model: str
    prompt: str
    generation: int
    release: ReleaseLineage | None
    missing: str
    citations: list[CitationLineage]


def lineage_routes(live: LiveRelease, history: ChatHistory, tables: Tables) -> APIRouter:
    """`GET /api/answers/{answer_id}/lineage`."""
    router = APIRouter()

    @router.get("/api/answers/{answer_id}/lineage")
    async def lineage(
        answer_id: AnswerId, request: Request, user_id: GivenUser = None
    ) -> LineageBody:
        """From an answer to its passages, their pages as stored, their fetches and runs."""
        _, answer = await history.answer(user_of(request, user_id), answer_id)
        return await run_in_threadpool(_lineage, live, tables, answer)

    return router


def _lineage(live: LiveRelease, tables: Tables, answer: Turn) -> LineageBody:
    try:
        with live.kept(answer.release) as release:
            manifest = release.manifest
            rows = Rows(release.path, manifest.rows, manifest.dimension)
            traced = [_traced(one, rows, manifest.origins, tables) for one in answer.citations]
            return _body(answer, traced, _told(manifest))
    except ReleaseError:
        missing = f"{answer.release or 'The release'} is not kept any more, or cannot be read."
        return _body(answer, [_untraced(one) for one in answer.citations], None, missing)


def _traced(
    citation: Citation, rows: Rows, origins: Mapping[str, Origin], tables: Tables
) -> CitationLineage:
    row = rows.positions.get(citation.chunk_id)
    if row is None:
        return _untraced(citation)
    chunk = rows[row]
    known = known_of(tables, chunk.source, origins.get(chunk.source, Origin()), chunk.url)
    return _untraced(citation).model_copy(
        update={
            "chunk": chunk,
            "page": known and known.page,
            "document": known and known.document,
            "fetch": known and known.ledger,
            "run_id": known and known.run_id,
        }
    )


def _untraced(citation: Citation) -> CitationLineage:
    return CitationLineage(n=citation.n, url=citation.url, quote=citation.quote)


def _told(manifest: Manifest) -> ReleaseLineage:
    return ReleaseLineage(
        release=manifest.release,
        digest=manifest.digest,
        embedder=manifest.embedder,
        created_at=manifest.created_at,
        run_id=manifest.run_id,
    )


def _body(
    answer: Turn,
    citations: list[CitationLineage],
    release: ReleaseLineage | None,
    missing: str = "",
) -> LineageBody:
    return LineageBody(
        answer_id=answer.answer_id,
        session_id=answer.session_id,
        created_at=answer.created_at,
        model=answer.model,
        prompt=answer.prompt,
        generation=answer.generation,
        release=release,
        missing=missing,
        citations=citations,
    )
