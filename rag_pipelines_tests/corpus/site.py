"""A scripted website on loopback: says what a test tells it to, and remembers who asked."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """One answer; `cut` sends so many bytes of the body and closes, `slow` sleeps before it."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "text/html; charset=utf-8"
    cut: int | None = None
    slow: float = 0.0
    reset: bool = False

    @property
    def data(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    path: str
    at: float
    headers: Mapping[str, str]


Script = Answer | str | Callable[[str], Answer | None]


class Site:
    """Paths and what they answer; a path that is not there answers 404, or what `other` says."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Script] = {}
        self.other: Callable[[str], Answer | None] = lambda path: None
        self.asked: list[Asked] = []
        self.modified = 0.0
        self._lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that hangs up is part of the test

        self._server = Server((host, 0), Handler)
        self.authority = f"{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def url(self, path: str = "/") -> str:
        return f"http://{self.authority}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order, robots.txt and the sitemap apart."""
        return [a.path for a in self.asked if a.path not in ("/robots.txt", "/sitemap.xml")]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.asked.append(Asked(handler.path, time.monotonic(), dict(handler.headers.items())))
            script = self.pages.get(handler.path, self.other)
            found = script(handler.path) if callable(script) else script
        answer = Answer(found) if isinstance(found, str) else found
        self._send(handler, answer or Answer("gone", status=404))

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        time.sleep(answer.slow)
        if answer.reset:
            handler.close_connection = True
            handler.connection.close()
            return
        data = b"" if answer.status in (204, 304) else answer.data
        handler.send_response(answer.status)
        headers = {"Content-Type": answer.content_type, "Content-Length": str(len(data))}
        if self.modified:
            headers["Last-Modified"] = formatdate(self.modified, usegmt=True)
        for name, value in {**headers, **answer.headers}.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data if answer.cut is None else data[: answer.cut])
        if answer.cut is not None:
            handler.close_connection = True


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Site]:
    site = Site(host)
    try:
        yield site
    finally:
        site.close()


def page(title: str, *links: str, text: str = "", head: str = "") -> str:
    """A page that reads like one: a title, a paragraph of its own, links."""
    said = text or f"This is the page about {title}. It has a paragraph that only {title} has."
    anchors = "".join(f'<li><a href="{link}">to {link}</a></li>' for link in links)
    return (
        f"<!doctype html><html lang=en><head><title>{title}</title>{head}</head>"
        f"<body><main><h1>{title}</h1><p>{said}</p></main><nav><ul>{anchors}</ul></nav></body></html>"
    )
