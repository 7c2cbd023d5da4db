"""The chat service's HTTP interface, put together: routes, guards, what is started and stopped.

Knows what there is of the service itself: what is served, whether it is ready. Questions come in by
`questions` and `openai_api`, what is served stands in `live`, how an exception is told in
`refusals`. Opens no socket: `server` does.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from threading import Event
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool

from rag_pipelines.chat import pages
from rag_pipelines.chat.access import caller_of
from rag_pipelines.chat.admission import Admission
from rag_pipelines.chat.asking import Asking, OnFailure
from rag_pipelines.chat.feedback import feedback_routes
from rag_pipelines.chat.files import file_routes
from rag_pipelines.chat.gate import Gate, Rules, declare_keys
from rag_pipelines.chat.guard import Guard
from rag_pipelines.chat.history.protocol import ChatHistory
from rag_pipelines.chat.lineage import lineage_routes
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.login import login_routes
from rag_pipelines.chat.metrics import Metrics, State
from rag_pipelines.chat.openai_api import openai_routes
from rag_pipelines.chat.painting import Painter
from rag_pipelines.chat.questions import question_routes
from rag_pipelines.chat.refusals import tell_errors
from rag_pipelines.chat.request_log import RequestLog
from rag_pipelines.chat.schemas import ErrorBody, LiveBody, ModelBody, ReadyBody, ReleaseBody
from rag_pipelines.chat.sessions import session_routes
from rag_pipelines.chat.traces import Traces
from rag_pipelines.chat.watching import Watching
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.tables import Tables

_REFUSED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody} for status in (400, 401, 403, 404, 413, 422, 429, 500, 502, 503)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a service is made of.

    `blobs` holds the files and pictures that answers cite, `tables` what the sources said, `rules`
    tell who may ask. `slots` goes before what the model declares. While `draining` is set the
    service is not ready, so that nobody sends it new work.
    """

    live: LiveRelease
    blobs: Blobs
    tables: Tables
    history: ChatHistory
    rules: Rules
    admission: Admission = field(default_factory=Admission)
    on_history_failure: OnFailure = "refuse"
    slots: int | None = None
    traces: Traces = field(default_factory=Traces)
    draining: Event = field(default_factory=Event)


def create_app(parts: Parts) -> FastAPI:
    """The service over its parts. It starts `live`, stops it, and closes the history."""
    live, painter = parts.live, Painter(parts.blobs)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        live.start()
        try:
            yield
        finally:
            live.stop()
            painter.close()
            await run_in_threadpool(parts.traces.stop)
            await parts.history.close()

    app = FastAPI(
        title="rag_pipelines chat service",
        summary="Questions answered from indexed sources, with citations.",
        version="1",
        lifespan=running,
        docs_url=None,
        redoc_url=None,
        responses=_REFUSED,
    )
    metrics = Metrics(State(live, parts.admission, parts.history, parts.traces))
    declare_keys(app)
    app.add_middleware(Gate, rules=parts.rules)
    app.add_middleware(Guard)
    app.add_middleware(RequestLog, metrics=metrics)
    tell_errors(app)
    watching = Watching([metrics.question, parts.traces.offer])
    asking = Asking(
        live, parts.history, parts.admission, watching, parts.on_history_failure, parts.slots
    )
    app.include_router(question_routes(asking, live))
    app.include_router(openai_routes(asking, live))
    app.include_router(session_routes(parts.history))
    app.include_router(feedback_routes(parts.history))
    app.include_router(lineage_routes(live, parts.history, parts.tables))
    _add_operations(app, live, metrics, parts.draining)
    app.include_router(file_routes(live, parts.blobs, painter))
    app.include_router(login_routes(parts.rules.keys))
    app.include_router(pages.router)
    return app


def _told(generator: Generator) -> ModelBody:
    return ModelBody(name=generator.name, digest=generator.digest)


def _add_operations(app: FastAPI, live: LiveRelease, metrics: Metrics, draining: Event) -> None:
    @app.get("/api/release")
    def release() -> ReleaseBody:
        """What is served: the manifest, the pointer's generation and the model."""
        with live.taken() as served:
            models = served.models
            return ReleaseBody(
                **asdict(served.release.manifest),
                generation=served.version.generation,
                model=_told(models.generator),
                challenger=_told(models.challenger) if models.challenger else None,
                challenger_share=models.trial.share if models.trial else 0.0,
            )

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
    async def scrape(request: Request) -> Response:
        """Numbers for Prometheus, in its own text format or OpenMetrics'."""
        told, media_type = metrics.told(request.headers.get("accept", ""))
        return Response(told, media_type=media_type)


def _ready(live: LiveRelease, draining: Event) -> ReadyBody:
    health = live.health()
    ready = ReadyBody(**asdict(health))
    if draining.is_set():
        return ready.model_copy(update={"status": "draining", "reason": "the service is ending"})
    return ready
