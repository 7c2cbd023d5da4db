"""Row B16: what is secret stays where it was set, through runs that work and runs that break.

Every server that a key is sent to answers with an error that repeats all it was sent.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from rag_pipelines.chat.keys import Keys
from rag_pipelines_tests.chat.service import until
from rag_pipelines_tests.end_to_end.installation import Installation

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).parents[2] / "examples"
SECRETS = {
    "OPENAI_API_KEY": "sk-canary-of-the-llm",
    "LLAMA_CLOUD_API_KEY": "llx-canary-of-llama-cloud",
    "HF_TOKEN": "hf_canaryOfTheHub",
    "RAG_HISTORY_URL": "mongodb://ann:canary-of-mongo@127.0.0.1:1/rag",
}
CANARIES = ["canary-of-the-llm", "canary-of-llama-cloud", "canaryOfTheHub", "canary-of-mongo"]
QUESTION = {"question": "How deep is the Mill Pond of the field trial?"}


class Echoing(BaseHTTPRequestHandler):
    """Refuses everything, and says in several ways what it was sent."""

    seen: list[str]

    def do_GET(self) -> None:
        self._refuse()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self._refuse()

    def _refuse(self) -> None:
        sent = str(self.headers)
        self.seen.append(sent)
        key = f"Incorrect API key provided: {self.headers.get('authorization')}"
        error = {"message": key, "type": "invalid_request_error", "sent": sent}
        body = json.dumps({"error": error, "detail": key}).encode()
        self.send_response(401, "Unauthorized")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def echoing() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that repeats, and what it was sent."""
    seen: list[str] = []
    handler = type("Handler", (Echoing,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    server.server_close()


def stored(home: Path) -> Iterator[tuple[str, str]]:
    """What every file of an installation holds, databases and tables row by row."""
    for path in sorted(home.rglob("*")):
        if not path.is_file() or "releases" in path.parts:
            continue
        yield str(path), path.read_bytes().decode("latin-1")
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as db:
                yield f"{path}, dumped", "\n".join(db.iterdump())
        elif path.suffix == ".parquet":
            yield f"{path}, read", str(pq.read_table(path).to_pylist())


def leaks(told: dict[str, str], secrets: list[str]) -> list[str]:
    return [
        f"{where}: …{text[max(0, at - 200) : at + 40]}…"
        for where, text in told.items()
        for secret in secrets
        if (at := text.find(secret)) >= 0
    ]


@contextmanager
def service(installation: Installation, log: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "rag_pipelines.cli", "serve"]
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env=installation.variables, cwd=installation.folder, stdout=file, stderr=file
        )
    try:
        until(lambda: "chat service at " in log.read_text() or process.poll() is not None, 120)
        port = log.read_text().partition("chat service at http://127.0.0.1:")[2].partition('"')[0]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(40) == 0, log.read_text()


def asked(base: str, key: str) -> dict[str, str]:
    """Every kind of call, right and wrong, and what came back."""
    told: dict[str, str] = {}
    with httpx.Client(base_url=base, timeout=120, trust_env=False) as client:

        def call(name: str, method: str, path: str, **more: Any) -> int:
            more.setdefault("headers", {"Authorization": f"Bearer {key}"})
            response = client.request(method, path, **more)
            told[name] = f"{response.status_code} {response.headers} {response.text}"
            return response.status_code

        until(lambda: client.get("/readyz").status_code == 200, 120)
        assert call("a refused model", "POST", "/api/question", json=QUESTION) >= 500
        call("a stream", "POST", "/api/question", json=QUESTION | {"stream": True})
        messages = [{"role": "user", "content": QUESTION["question"]}]
        openai = {"model": "rag", "messages": messages}
        assert call("the OpenAI protocol", "POST", "/v1/chat/completions", json=openai) >= 500
        assert call("a lost history", "GET", "/api/sessions") == 503
        assert call("login", "POST", "/api/login", json={"key": key}) < 300
        call("a wrong login", "POST", "/api/login", json={"key": f"{key}x"})
        call("a key in the query", "GET", f"/api/search?q=a&key={key}", headers={})
        call("a key in the path", "GET", f"/api/sessions/{key}")
        call("a key as request id", "GET", "/livez", headers={"X-Request-ID": "r-1"})
        call("two keys", "GET", "/api/me", headers=[("Authorization", f"Bearer {key}")] * 2)
        for path in ("/readyz", "/api/release", "/metrics", "/openapi.json", "/api/me"):
            call(path, "GET", path)
        call("a reload", "POST", "/admin/reload")
        until(lambda: "rag_traces_exported_total 3.0" in traces(client, key), 120)
        call("metrics at the end", "GET", "/metrics")
    return told


def traces(client: httpx.Client, key: str) -> str:
    return client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text


def test_no_secret_is_found_anywhere_after_runs_that_work_and_runs_that_break(
    installation: Installation, tmp_path: Path, echoing: tuple[str, list[str]]
):
    address, seen = echoing
    model = f"openai:any@{address}/v1"
    folder = installation.folder
    shutil.copy(EXAMPLES / "documents" / "field-trial-2025.pdf", folder)
    papers = {
        "documents": {"paths": ["*.pdf"], "parser": "llama_parse"},
        "enrichment": {"entities": False},
    }
    installation.sources(f"sources:\n  papers: {json.dumps(papers)}\n")
    key = Keys(installation.home / "keys.json").add("pipelines")
    installation.environment |= SECRETS | {
        "LLAMA_CLOUD_BASE_URL": address,
        "RAG_CAPTIONER": model,
        "RAG_GENERATOR": model,
        "RAG_KEY": key,
        "RAG_PORT": "0",
        "RAG_HISTORY_FAILURE": "degrade",
        "RAG_TRACE_SAMPLING": "1",
    }
    told: dict[str, str] = {}

    def rag(*arguments: str, **ours: str) -> int:
        done = installation.run(*arguments, **ours)
        told[f"rag {' '.join(arguments)} {ours}"] = done.stdout + done.stderr
        return done.returncode

    assert rag("ingest", "--all") == 0
    assert any(SECRETS["LLAMA_CLOUD_API_KEY"] in sent for sent in seen)
    assert rag("ingest", "--all", RAG_EMBEDDER=model) == 1
    assert rag("search", "dam", RAG_EMBEDDER="huggingface:none/such") == 1
    assert rag("ask", QUESTION["question"]) == 1
    assert sum(SECRETS["OPENAI_API_KEY"] in sent for sent in seen) >= 3
    assert rag("doctor") in (0, 1)
    assert rag("releases", RAG_HISTORY_URL=f"postgres://ann:{CANARIES[3]}@host/db") == 2
    log = tmp_path / "service.log"
    with service(installation, log) as base:
        told |= asked(base, key)
    told |= {"the service's log": log.read_text()} | dict(stored(installation.home))
    databases = {name: text for name, text in told.items() if name.endswith("dumped")}
    events = "".join(text for name, text in databases.items() if "dagster" in name)
    assert "answered 401" in events
    assert "openai_models.py" in events, "a run that breaks leaves its traceback"
    assert "rag_pipelines" in told["the service's log"]
    assert any("retrieve" in text for name, text in databases.items() if "mlflow" in name)
    assert leaks({"control": f"a {key} in a text"}, [key])
    assert leaks(told, [*CANARIES, key]) == []
