"""A server on loopback that speaks LlamaParse's protocol, faults included."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rag_pipelines.documents.cloud import LlamaCloud

BOX = {"x": 50, "y": 60, "w": 200, "h": 30}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "value": value, "md": value, "bbox": [BOX], **more}


def page(number: int, *items: dict[str, Any]) -> dict[str, Any]:
    size = {"page_width": 595.0, "page_height": 842.0}
    return {"page_number": number, "success": True, "items": list(items), **size}


@dataclass
class CloudServer:
    """What the service does next, and what it was asked.

    `statuses` are answered to uploads before one is taken, `polls` are the states of a job before
    it is done. `fault` is one of none, hang, job_failed, invalid, no_items.
    """

    pages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    statuses: list[int] = field(default_factory=list[int])
    polls: list[str] = field(default_factory=list[str])
    fault: str = "none"
    uploads: list[bytes] = field(default_factory=list[bytes])
    asked: list[str] = field(default_factory=list[str])
    keys: set[str] = field(default_factory=set[str])
    address: str = ""


def cloud(server: CloudServer, **changes: Any) -> LlamaCloud:
    """The way to it, with patience short enough for the faults that need it to run out."""
    known: dict[str, Any] = {"request_timeout": 0.5, "poll_seconds": 0.01, "retries": 1}
    return LlamaCloud(api_key="llx-secret", base_url=server.address, **(known | changes))


@contextmanager
def serving(state: CloudServer) -> Iterator[CloudServer]:
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
    server_state: CloudServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        state = self.server_state
        state.asked.append(f"POST {self.path}")
        state.keys.add(self.headers.get("Authorization", ""))
        state.uploads.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if state.fault == "hang":
            time.sleep(2)
        if state.statuses:
            self._json({"detail": "not now"}, state.statuses.pop(0))
        else:
            self._json(self._job("PENDING"), 200)

    def do_GET(self) -> None:
        state = self.server_state
        state.asked.append(f"GET {self.path}")
        if "expand" not in self.path:
            done = "FAILED" if state.fault == "job_failed" else "COMPLETED"
            self._json({"job": self._job(state.polls.pop(0) if state.polls else done)}, 200)
        elif state.fault == "invalid":
            self._json(["no", "object"], 200)
        elif state.fault == "no_items":
            self._json({"job": self._job("COMPLETED")}, 200)
        else:
            self._json({"job": self._job("COMPLETED"), "items": {"pages": state.pages}}, 200)

    def _job(self, status: str) -> dict[str, Any]:
        told = "the page is upside down" if status == "FAILED" else None
        return {"id": "job-1", "project_id": "p", "status": status, "error_message": told}

    def _json(self, answer: Any, status: int) -> None:
        data = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("retry-after-ms", "10")
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            return  # the client had waited long enough
