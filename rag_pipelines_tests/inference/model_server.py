"""A model server on loopback that speaks Ollama's and OpenAI's protocols, faults included."""

import json
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ["Three", " years", "."]
CHAT_MODEL = "tiny-chat:latest"
EMBEDDING_MODEL = "tiny-embed:latest"
_BLOBS = "/api/blobs/"
CHATS = ("/api/chat", "/v1/chat/completions")
CAPTION = "A bar chart of  sales\nby year."


@dataclass
class ModelServer:
    """What the server does next, and what it was asked.

    `fault` is one of none, off, error, busy_once, rejected, hang, drip, endless, cut, invalid,
    no_done, unended; `answers` chats are answered before it sets in. `says` makes the pieces of a
    streamed answer from the request, each sent as it comes; `vector` makes the vector of a text,
    `caption` is the whole answer of a chat that is not streamed. `hung_up` counts answers whose
    reader was seen to be gone. `blobs` are the files that were sent, `nowhere` models that cannot
    be fetched.
    """

    fault: str = "none"
    answers: int = 0
    says: Callable[[Any], Iterable[str]] = lambda body: WORDS
    context: int = 300
    vector: Callable[[str], list[Any]] = lambda text: [float(len(text)), 1.0, 2.0]
    extra_vectors: int = 0
    tokenizes: bool = False
    slots: int | None = None
    caption: str = CAPTION
    models: list[str] = field(default_factory=lambda: [EMBEDDING_MODEL, CHAT_MODEL])
    requests: list[tuple[str, Any]] = field(default_factory=list)
    hung_up: int = 0
    digest: str = "digest-1"
    address: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    nowhere: list[str] = field(default_factory=list)

    def asked(self, path: str) -> list[Any]:
        return [body for seen, body in self.requests if seen == path]


@contextmanager
def serving(state: ModelServer, port: int = 0) -> Iterator[ModelServer]:
    class Handler(_Handler):
        server_state = state

    server = _Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    server_state: ModelServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that is done resets its connection
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith(_BLOBS):
            self._keep(sent, self.path.removeprefix(_BLOBS))
        else:
            self._answer(json.loads(sent or b"{}"))

    def _keep(self, sent: bytes, digest: str) -> None:
        """A file of a model, as Ollama takes it: under its own digest and no other."""
        if digest != f"sha256:{sha256(sent).hexdigest()}":
            self._error("digest does not match", 400)
            return
        self.server_state.blobs[digest] = sent
        self._json({}, 201)

    def _answer(self, body: Any) -> None:
        state = self.server_state
        state.requests.append((self.path, body))
        streams = bool(body and body.get("stream"))
        computes = self.path in ("/api/embed", "/v1/embeddings", *CHATS)
        if state.fault != "none" and self.path in CHATS and state.answers:
            state.answers -= 1
            self._json(*self._plain(self.path, body))
        elif computes and state.fault == "off":
            return
        elif computes and state.fault in ("error", "busy_once"):
            state.fault = "none" if state.fault == "busy_once" else state.fault
            self._error("out of memory", 500)
        elif computes and state.fault == "rejected":
            self._error("too long", 400)
        elif computes and state.fault == "hang":
            self._hang()
        elif self.path in ("/api/create", "/api/pull"):
            self._make(body)
        elif streams:
            self._stream(self.path, state.says(body))
        elif self.path in CHATS and state.fault == "invalid":
            self._json("no object", 200)
        else:
            self._json(*self._plain(self.path, body))

    def _make(self, body: Any) -> None:
        """A model made of files that were sent, or fetched from where all models are."""
        state = self.server_state
        unknown = set(body.get("files", {}).values()) - state.blobs.keys()
        if unknown or body["model"] in state.nowhere:
            self._error("file does not exist", 404)
            return
        state.models.append(f"{body['model']}:latest")
        told = [{"status": "copying", "total": 10, "completed": 5}, {"status": "success"}]
        self._lines(json.dumps(one).encode() + b"\n" for one in told)

    def _error(self, message: str, status: int) -> None:
        shaped = {"message": message} if self.path.startswith("/v1") else message
        self._json({"error": shaped}, status)

    def _hang(self) -> None:
        """Say nothing until the client is gone."""
        self.close_connection = True
        if select.select([self.connection], [], [], 30)[0]:
            self.server_state.hung_up += 1

    def _plain(self, path: str, body: Any) -> tuple[Any, int]:
        state = self.server_state
        if path == "/api/tags":
            return {
                "models": [
                    {"name": name, "model": name, "digest": state.digest} for name in state.models
                ]
            }, 200
        if path == "/api/show":
            return self._shown(body["model"])
        if path == "/v1/models":
            served = [_served(name, state.context) for name in state.models]
            return {"object": "list", "data": served}, 200
        if path in ("/api/embed", "/v1/embeddings"):
            return self._embedded(path, body), 200
        if path == "/api/chat":
            message = {"role": "assistant", "content": state.caption}
            return {"model": body["model"], "message": message, "done": True}, 200
        if path == "/v1/chat/completions":
            return _completion(body["model"], state.caption), 200
        if path == "/tokenize" and state.tokenizes:
            return {"tokens": list(body["prompt"].encode())}, 200
        if path == "/props" and state.slots:
            return {"total_slots": state.slots}, 200
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
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, path: str, words: Iterable[str]) -> None:
        self._lines(_ollama_pieces(words) if path == "/api/chat" else _openai_pieces(words))

    def _lines(self, pieces: Iterator[bytes]) -> None:
        state = self.server_state
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in _faulty(state.fault, pieces):
                self._chunk(chunk)
            if state.fault == "cut":
                self.close_connection = True
            else:
                self._chunk(b"")
        except OSError:
            self.close_connection = True
            state.hung_up += 1

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def _faulty(fault: str, sent: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces as a server with that fault sends them."""
    if fault == "none":
        yield from sent
        return
    pieces = list(sent)
    if fault == "drip":
        for byte in b"".join(pieces):
            yield bytes([byte])
            time.sleep(0.05)
    elif fault == "endless":
        while True:
            yield pieces[0]
            time.sleep(0.01)
    elif fault == "cut":
        yield pieces[0]
        yield pieces[1][:20]
    elif fault == "invalid":
        yield pieces[0]
        yield b"data: {broken\n\n"
    elif fault == "unended":
        yield b"".join(pieces).rstrip()
    else:
        yield from pieces[:-1] if fault == "no_done" else pieces


def _served(name: str, context: int) -> Any:
    return {"id": name, "object": "model", "created": 1, "owned_by": "me", "max_model_len": context}


def _completion(model: str, content: str) -> Any:
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    shared = {"id": "x", "object": "chat.completion", "created": 1, "model": model}
    return {**shared, "choices": [choice]}


def _ollama_pieces(words: Iterable[str]) -> Iterator[bytes]:
    for word in words:
        event = {"message": {"role": "assistant", "content": word}, "done": False}
        yield json.dumps(event).encode() + b"\n"
    last = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    yield json.dumps(last).encode() + b"\n"


def _openai_pieces(words: Iterable[str]) -> Iterator[bytes]:
    for word in words:
        yield _openai_piece({"content": word}, None)
    yield _openai_piece({}, "stop")
    yield b"data: [DONE]\n\n"


def _openai_piece(delta: dict[str, str], reason: str | None) -> bytes:
    shared = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunk = {**shared, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
