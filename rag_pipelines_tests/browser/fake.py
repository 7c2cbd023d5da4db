"""A service that says what a test wants said, behind the page and the protocol of the real one.

What the real service says of itself is tested in `rag_pipelines_tests.chat`; here stands what a
hostile or a failing one may say.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from threading import Event, Semaphore
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from rag_pipelines.chat import pages

ANSWER = "The warranty lasts three years. [1] Parcels to islands take eleven days. [2]"
KEY = "rag_right"


def cited(n: int, **changed: Any) -> dict[str, Any]:
    """A citation of a page on the web."""
    return {
        "n": n,
        "kind": "page",
        "url": f"http://127.0.0.1:9/handbook/{n}.html",
        "title": f"Handbook {n}",
        "heading": "Warranty",
        "page": None,
        "box": None,
        "quote": "The warranty of the kettle - lasts, three years.",
        "chunk_id": f"{n:032d}",
        **changed,
    }


@dataclass
class Fake:
    """What the service says, and what it was told. `steps` lets a token through where `stepped`."""

    answer: str = ANSWER
    draft: str = ANSWER
    citations: list[dict[str, Any]] = field(default_factory=lambda: [cited(1), cited(2)])
    abstained: bool = False
    release: str = "v000001-aaaaaaaaaaaa"
    generation: int = 1
    model: str = "fake:echo"
    fails: str | None = None
    keys: bool = False
    key: str = KEY
    stepped: bool = False
    steps: Semaphore = field(default_factory=lambda: Semaphore(0))
    left: Event = field(default_factory=Event)
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    feedback: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def served(self) -> dict[str, Any]:
        return {"release": self.release, "generation": self.generation, "model": self.model}

    async def told(self, question: str, session: str) -> AsyncIterator[str]:
        """The events of one answer."""
        answer_id = f"answer-{len(self.asked)}"
        ids = {"session_id": session, "answer_id": answer_id}
        finished = False
        try:
            yield _event("retrieval", {**ids, "question": question, "results": 8, **self.served()})
            for word in self.draft.split(" "):
                await self._step()
                yield _event("token", {"text": f"{word} "})
            await self._step()
            if self.fails is not None:
                yield _event("error", {"type": "model_failed", "message": self.fails})
            else:
                for citation in self.citations:
                    yield _event("citation", citation)
                whole = {**ids, "answer": self.answer, "citations": self.citations}
                said = {**whole, "abstained": self.abstained, "history": "stored", **self.served()}
                self._keep(session, question, said)
                yield _event("done", said)
            finished = True
        finally:
            if not finished:
                self.left.set()

    async def _step(self) -> None:
        while self.stepped and not self.steps.acquire(blocking=False):
            await asyncio.sleep(0.005)

    def _keep(self, session: str, question: str, said: dict[str, Any]) -> None:
        row = self.sessions.setdefault(
            session, {"session_id": session, "title": question[:80], "messages": []}
        )
        spoken = {"role": "assistant", "content": said["answer"], "state": "complete"}
        row["messages"] += [{"role": "user", "content": question}, {**said, **spoken}]


def _event(name: str, data: dict[str, Any]) -> str:
    return f": keep-alive\n\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _refused(status: int, kind: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"type": kind, "message": message}}, status)


def app_of(fake: Fake) -> FastAPI:
    """The real page over what `fake` says."""
    app = FastAPI()
    _add_access(app, fake)
    _add_answers(app, fake)
    _add_sessions(app, fake)
    app.include_router(pages.router)
    return app


def _add_access(app: FastAPI, fake: Fake) -> None:
    @app.middleware("http")
    async def gate(request: Request, call_next: Any) -> Response:
        path = request.url.path
        free = path in (*pages.STATIC, "/api/me", "/api/login", "/api/logout")
        if fake.keys and not free and request.cookies.get("rag_session") != fake.key:
            return _refused(401, "key_required", "This service asks for a key.")
        return await call_next(request)

    @app.get("/api/me")
    async def me(request: Request) -> dict[str, Any]:
        inside = not fake.keys or request.cookies.get("rag_session") == fake.key
        user = ("ada" if fake.keys else "local") if inside else None
        revoked = not inside and "rag_session" in request.cookies
        return {"user": user, "keys": fake.keys, "logged_in": inside, "revoked": revoked}

    @app.post("/api/login")
    async def login(request: Request) -> Response:
        if (await request.json())["key"] != fake.key:
            return _refused(401, "wrong_key", "That is no key of this service.")
        response = Response(status_code=204)
        response.set_cookie("rag_session", fake.key, httponly=True, samesite="strict")
        return response

    @app.post("/api/logout")
    async def logout() -> Response:
        response = Response(status_code=204)
        response.delete_cookie("rag_session", httponly=True, samesite="strict")
        return response


def _add_answers(app: FastAPI, fake: Fake) -> None:
    @app.post("/api/question")
    async def question(request: Request) -> Response:
        body = await request.json()
        fake.asked.append(body)
        session = body.get("session_id") or f"session-{len(fake.asked)}"
        return StreamingResponse(
            fake.told(body["question"], session), media_type="text/event-stream"
        )

    @app.get("/api/release")
    async def release() -> dict[str, Any]:
        model = {"name": fake.model, "digest": "e" * 64}
        return {**fake.served(), "model": model, "sources": {"handbook": "1"}}

    @app.post("/api/feedback")
    async def feedback(request: Request) -> Response:
        fake.feedback.append(await request.json())
        return Response(status_code=204)


def _add_sessions(app: FastAPI, fake: Fake) -> None:
    @app.get("/api/sessions")
    async def sessions() -> dict[str, Any]:
        return {"sessions": list(reversed(fake.sessions.values()))}

    @app.get("/api/sessions/{session}")
    async def session(session: str) -> Any:
        return fake.sessions.get(session) or _refused(404, "unknown_session", "No such session.")

    @app.patch("/api/sessions/{session}")
    async def rename(session: str, request: Request) -> Any:
        fake.sessions[session]["title"] = (await request.json())["title"]
        return fake.sessions[session]

    @app.delete("/api/sessions/{session}", status_code=204)
    async def delete(session: str) -> None:
        del fake.sessions[session]
