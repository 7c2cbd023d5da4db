"""`make demo`: the site and the papers beside this file become a release, and are asked questions.

Serves the site on a fixed port of this machine for as long as it runs, drives the `rag` command
as a person would, and holds a citation against the page it names. Leaves nothing running.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

EXAMPLES = Path(__file__).resolve().parent
HOME = EXAMPLES.parent / ".rag" / "demo"
PORT = 8765  # golden.yaml and sitemap.xml name it, so it is fixed
QUESTION = "How long is the warranty on the probe?"
OF_A_TABLE = "How deep is the Mill Pond of the field trial?"
# What alone says it: a cell of a table, and the page that it stands on.
CELL, PAGE = "2.4 m", "file:documents/field-trial-2025.pdf · page 1"
ENVIRONMENT = {
    "RAG_HOME": str(HOME),
    "RAG_SOURCES": str(EXAMPLES / "sources.yaml"),
    "RAG_GOLDEN": str(EXAMPLES / "golden.yaml"),
    "RAG_MODELS": str(EXAMPLES / "models.yaml"),
    "RAG_EMBEDDER": "onnx:minilm",
    "RAG_GENERATOR": "extractive:",
    "HF_HUB_OFFLINE": "1",
}
OURS = ("RAG_", "DAGSTER_", "MLFLOW_")


class DemoFailed(Exception):
    """What went wrong, and what to do about it."""


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """A page that was served is no news."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Text(HTMLParser):
    """The words of a page, tags left out."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


@contextmanager
def served_site() -> Iterator[str]:
    """The example site on its port; its address."""
    handler = partial(_Quiet, directory=str(EXAMPLES / "site"))
    try:
        server = _Server(("127.0.0.1", PORT), handler)
    except OSError as error:
        raise DemoFailed(
            f"port {PORT} on 127.0.0.1 cannot be had ({error.strerror}), and the example's "
            f"addresses name it; stop what listens there (try: ss -ltnp 'sport = :{PORT}') "
            "and run make demo again"
        ) from None
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{PORT}/"
    finally:
        server.shutdown()
        server.server_close()


def rag(*arguments: str, capture: bool = False, **more: str) -> str:
    """Run one `rag` command in a process group of its own, and end what it leaves behind.

    `more` goes into its environment.
    """
    inherited = {name: v for name, v in os.environ.items() if not name.startswith(OURS)}
    command = [str(Path(sys.executable).parent / "rag"), *arguments]
    print(f"\n$ rag {shlex.join(arguments)}", flush=True)
    process = subprocess.Popen(
        command,
        env=inherited | ENVIRONMENT | more,
        cwd=EXAMPLES.parent,
        stdout=subprocess.PIPE if capture else None,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    if process.returncode:
        raise DemoFailed(f"rag {arguments[0]} ended with status {process.returncode}; see above")
    return output or ""


def words_of(url: str) -> str:
    """The text of a page as it is served, white space folded."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        page = _Text()
        page.feed(response.read().decode())
    return " ".join("".join(page.parts).split())


def show(answer: dict[str, Any]) -> None:
    """The JSON for people: the answer, and where each of its sentences stands."""
    print(f"(the JSON, told in short)\n\n{answer['answer']}\n")
    for citation in answer["citations"]:
        print(f"  [{citation['n']}] {citation['title']}\n      {citation['url']}")
        print(f"      “{citation['quote']}”")
    print(f"\nwritten by {answer['model']} from release {answer['release']}")


def verbatim(citations: list[dict[str, Any]]) -> int:
    """How many quotes stand word for word in the pages they name."""
    return sum(" ".join(c["quote"].split()) in words_of(c["url"]) for c in citations)


def main() -> int:
    """Ingest, ask, check; the process's exit status."""
    began = time.monotonic()
    try:
        with served_site() as address:
            print(f"The example site is served at {address} while the demo runs.")
            rag("ingest", "--all")
            answer = json.loads(rag("ask", QUESTION, "--json", capture=True))
            show(answer)
            held = verbatim(answer["citations"])
            print(
                f"{held} of {len(answer['citations'])} quotes stand verbatim in the page they cite."
            )
            of_a_table = rag("ask", OF_A_TABLE, capture=True)
            print(f"\n{of_a_table}", end="")
    except DemoFailed as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 2
    if not held:
        print("make demo: no quote stands in the page it cites", file=sys.stderr)
        return 1
    if missing := [said for said in (CELL, PAGE) if said not in of_a_table]:
        print(f"make demo: {missing} not in the answer out of the table", file=sys.stderr)
        return 1
    where(answer["release"], time.monotonic() - began)
    return 0


def where(release: str, seconds: float) -> None:
    """Where everything is that the demo made."""
    root = os.path.relpath(HOME)
    print(f"""
Done in {seconds:.0f} s; nothing is left running. Everything is under {root}:
  release        {root}/releases/{release}
  pages, chunks  {root}/assets and {root}/blobs (files, elements, tables and figures as well)
  runs, checks   {root}/dagster (Dagster's instance)
Look at it:      RAG_HOME={root} RAG_SOURCES=examples/sources.yaml make up
Your own:        copy examples/sources.yaml to sources.yaml, name your start_urls and files, and
                 run .venv/bin/rag ingest --all""")


if __name__ == "__main__":
    sys.exit(main())
