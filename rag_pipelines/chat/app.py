"""The chat service's HTTP interface: what is asked over it, and what is answered.

Knows routes and their shapes. How a question is answered stands in `answer`, what is served in
`live`, how an exception is told in `refusals`. Opens no socket: `server` does.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from threading import Event
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from rag_pipelines.chat import pages
from rag_pipelines.chat.access import caller_of
from rag_pipelines.chat.answer import Question, answer
from rag_pipelines.chat.files import file_routes
from rag_pipelines.chat.gate import Gate, Rules
from rag_pipelines.chat.guard import Guard
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.login import login_routes
from rag_pipelines.chat.metrics import Metrics
from rag_pipelines.chat.painting import Painter
from rag_pipelines.chat.refusals import tell_errors
from rag_pipelines.chat.schemas import (
    MAX_RESULTS,
    AnswerBody,
    Asked,
    ErrorBody,
    LiveBody,
    ModelBody,
    QuestionBody,
    ReadyBody,
    ReleaseBody,
    SearchBody,
    SourceName,
    search_body,
)
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines.storage.blobs import Blobs

_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 404, 413, 422, 429, 500, 502, 503)
}


def create_app(
    live: LiveRelease,
    blobs: Blobs,
    rules: Rules,
    draining: Event | None = None,
) -> FastAPI:
    """The service over what `live` serves. It starts `live` and stops it.

    `blobs` holds the files and pictures that answers cite.

    While `draining` is set the service is not ready, so that nobody sends it new work. `rules`
    tell who may ask.
    """
    painter = Painter(blobs)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        live.start()
        try:
            yield
        finally:
            live.stop()
            painter.close()

    app = FastAPI(
        title="rag_pipelines chat service",
        summary="Questions answered from indexed sources, with citations.",
        version="1",
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        responses=_REFUSED,
    )
    app.add_middleware(Gate, rules=rules)
    app.add_middleware(Guard)
    metrics = Metrics(live)
    tell_errors(app)
    _add_answers(app, live, metrics)
    _add_operations(app, live, metrics, draining or Event())
    app.include_router(file_routes(live, blobs, painter))
    app.include_router(login_routes(rules.keys))
    app.include_router(pages.router)
    return app


def _add_answers(app: FastAPI, live: LiveRelease, metrics: Metrics) -> None:
    @app.post("/api/question")
    def question(body: QuestionBody) -> AnswerBody:
        """Answer a question, with citations; or say that nothing relevant is indexed."""
        asked = Question(
            text=body.question,
            filters=body.filters.rows(),
            session_id=body.session_id or "",
        )
        with metrics.counted(), live.taken(body.release) as served:
            given = answer(asked, served.version)
        metrics.count("abstained" if given.abstained else "answered")
        return AnswerBody.model_validate(asdict(given))

    @app.get("/api/search")
    def search(
        q: Annotated[Asked, Query()],
        k: Annotated[int, Query(ge=1, le=MAX_RESULTS)] = 10,
        source: Annotated[list[SourceName] | None, Query()] = None,
    ) -> SearchBody:
        """The passages nearest to a query, best first."""
        with live.taken() as served:
            hits = served.version.retriever.search(q, k, Filters(sources=source or ()))
            return search_body(served.release.name, hits)

    @app.get("/api/release")
    def release() -> ReleaseBody:
        """What is served: the manifest, the pointer's generation and the model."""
        with live.taken() as served:
            generator = served.version.generator
            return ReleaseBody(
                **asdict(served.release.manifest),
                generation=served.version.generation,
                model=ModelBody(name=generator.name, digest=generator.digest),
            )


def _add_operations(app: FastAPI, live: LiveRelease, metrics: Metrics, draining: Event) -> None:
    @app.get("/livez")
    def livez() -> LiveBody:
        """The process answers."""
        return LiveBody()

    @app.get("/readyz")
    def readyz(request: Request, response: Response) -> ReadyBody:
        """200 while questions are answered, `degraded` if not from the last publication.

        Where keys exist, a call without one is told the status alone.
        """
        ready = _ready(live, draining)
        response.status_code = 200 if ready.status in ("ok", "degraded") else 503
        caller = caller_of(request)
        unknown = caller.keyed and caller.user is None
        return ReadyBody(status=ready.status) if unknown else ready

    @app.post("/admin/reload", status_code=202)
    def reload() -> ReadyBody:
        """Look at the pointer now and not at the next poll; tells what is served meanwhile."""
        live.reload()
        return _ready(live, draining)

    @app.get("/metrics", response_class=Response)
    def scrape() -> Response:
        """Prometheus' text format."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _ready(live: LiveRelease, draining: Event) -> ReadyBody:
    health = live.health()
    ready = ReadyBody(**asdict(health))
    if draining.is_set():
        return ready.model_copy(update={"status": "draining", "reason": "the service is ending"})
    return ready
