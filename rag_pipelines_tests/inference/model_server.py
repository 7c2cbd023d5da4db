"""A model server on loopback that speaks Ollama's and OpenAI's protocols, faults included."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ["Three", " years", "."]
CHAT_MODEL = "tiny-chat:latest"
EMBEDDING_MODEL = "tiny-embed:latest"
CHATS = ("/api/chat", "/v1/chat/completions")
CAPTION = "A bar chart of  sales\nby year."


@dataclass
class ModelServer:
    """What the server does next, and what it was asked.

    `fault` is one of none, off, error, busy_once, hang, drip, endless, cut, invalid, no_done;
    `answers` chats are answered before it sets in. `vector` makes the vector of a text, `caption`
    is the whole answer of a chat that is not streamed.
    """

    fault: str = "none"
    answers: int = 0
    vector: Callable[[str], list[Any]] = lambda text: [float(len(text)), 1.0, 2.0]
    extra_vectors: int = 0
    caption: str = CAPTION
    models: list[str] = field(default_factory=lambda: [EMBEDDING_MODEL, CHAT_MODEL])
    requests: list[tuple[str, Any]] = field(default_factory=list)
    broken_pipes: int = 0
    digest: str = "digest-1"
    address: str = ""

    def asked(self, path: str) -> list[Any]:
        return [body for seen, body in self.requests if seen == path]


@contextmanager
def serving(state: ModelServer) -> Iterator[ModelServer]:
    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: ModelServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._answer(json.loads(self.rfile.read(length) or b"{}"))

    def _answer(self, body: Any) -> None:
        state = self.server_state
        state.requests.append((self.path, body))
        streams = bool(body and body.get("stream"))
        computes = self.path in ("/api/embed", "/v1/embeddings", *CHATS)
        if state.fault != "none" and self.path in CHATS and state.answers:
            state.answers -= 1
            self._json(*self._plain(self.path, body))
        elif computes and state.fault in ("off", "error", "busy_once", "hang"):
            if state.fault == "off":
                return
            if state.fault == "hang":
                time.sleep(3)
                return
            state.fault = "none" if state.fault == "busy_once" else state.fault
            self._json({"error": "out of memory"}, 500)
        elif streams:
            self._stream(self.path)
        elif self.path in CHATS and state.fault == "invalid":
            self._json("no object", 200)
        else:
            self._json(*self._plain(self.path, body))

    def _plain(self, path: str, body: Any) -> tuple[Any, int]:
        state = self.server_state
        if path == "/api/tags":
            return {
                "models": [{"model": name, "digest": state.digest} for name in state.models]
            }, 200
        if path == "/api/show":
            return self._shown(body["model"])
        if path == "/v1/models":
            return {"object": "list", "data": [_served(name) for name in state.models]}, 200
        if path in ("/api/embed", "/v1/embeddings"):
            return self._embedded(path, body), 200
        if path == "/api/chat":
            message = {"role": "assistant", "content": state.caption}
            return {"model": body["model"], "message": message, "done": True}, 200
        if path == "/v1/chat/completions":
            return _completion(body["model"], state.caption), 200
        return {"error": "no such path"}, 404

    def _shown(self, name: str) -> tuple[Any, int]:
        kind = "embedding" if "embed" in name else "completion"
        info = {"tiny.context_length": 300}
        return {"model_info": info, "capabilities": [kind], "details": {}}, 200

    def _embedded(self, path: str, body: Any) -> Any:
        state = self.server_state
        vectors = [state.vector(text) for text in body["input"]]
        vectors += [[1.0, 2.0, 3.0]] * state.extra_vectors
        if path == "/api/embed":
            return {"embeddings": vectors}
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        # Out of order on purpose: the index is what counts.
        return {"object": "list", "model": body["model"], "data": data[::-1], "usage": usage}

    def _json(self, answer: Any, status: int) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, path: str) -> None:
        state = self.server_state
        pieces = _ollama_pieces() if path == "/api/chat" else _openai_pieces()
        data = b"".join(pieces)
        if state.fault == "cut":
            data = data[: len(pieces[0]) + 20]
        if state.fault == "no_done":
            data = b"".join(pieces[:-1])
        if state.fault == "invalid":
            data = pieces[0] + b"data: {broken\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._send(data if state.fault != "endless" else b"", pieces[0])

    def _send(self, data: bytes, first: bytes) -> None:
        state = self.server_state
        try:
            if state.fault == "drip":
                for byte in data:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            elif state.fault == "endless":
                for _ in range(500):
                    self.wfile.write(first)
                    time.sleep(0.01)
            else:
                self.wfile.write(data)
        except OSError:
            state.broken_pipes += 1


def _served(name: str) -> Any:
    return {"id": name, "object": "model", "created": 1, "owned_by": "me", "max_model_len": 300}


def _completion(model: str, content: str) -> Any:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    shared = {"id": "x", "object": "chat.completion", "created": 1, "model": model}
    return {**shared, "choices": [choice]}


def _ollama_pieces() -> list[bytes]:
    events = [{"message": {"role": "assistant", "content": word}, "done": False} for word in WORDS]
    last = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return [json.dumps(event).encode() + b"\n" for event in [*events, last]]


def _openai_pieces() -> list[bytes]:
    shared = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    deltas: list[tuple[Any, str | None]] = [({"content": word}, None) for word in WORDS]
    chunks = [
        {**shared, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in [*deltas, ({}, "stop")]
    ]
    events = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return [*events, b"data: [DONE]\n\n"]
