"""An installation in a folder of its own, a site on loopback, and the `rag` command as it is."""

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOPICS = (
    "anchor", "barometer", "compass", "dinghy", "ensign", "foghorn", "galley", "halyard",
    "icebreaker", "jetty", "keel", "lantern", "mooring", "navigator", "oakum", "pilot",
    "quay", "rudder", "sextant", "tiller", "upwelling", "vane", "windlass", "yardarm",
)  # fmt: skip


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """A page that was served is no news."""


class Server(ThreadingHTTPServer):
    daemon_threads = True


class Site:
    """Pages in a folder, linked from an index page, served on a free port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        handler = partial(Quiet, directory=str(folder))
        self.server = Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def write(self, name: str, sentence: str) -> None:
        body = f"<h1>The {name}</h1><p>{sentence}</p><p>More on the {name} stands in the log.</p>"
        page = f"<html lang=en><head><title>{name}</title></head><body>{body}</body></html>"
        (self.folder / f"{name}.html").write_text(page)
        self._link()

    def remove(self, name: str) -> None:
        (self.folder / f"{name}.html").unlink()
        self._link()

    def _link(self) -> None:
        names = sorted(p.stem for p in self.folder.glob("*.html") if p.stem != "index")
        links = "".join(f'<li><a href="{name}.html">{name}</a></li>' for name in names)
        body = f"<h1>Log of the ship</h1><p>Things that stand in this log.</p><ul>{links}</ul>"
        page = f"<html lang=en><head><title>Log</title></head><body>{body}</body></html>"
        (self.folder / "index.html").write_text(page)

    def become(self, folder: Path) -> None:
        """Serve copies of the pages in `folder`, as old as those are, and no others."""
        shutil.rmtree(self.folder)
        shutil.copytree(folder, self.folder)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def sentence_of(name: str) -> str:
    return f"The {name} of this ship was made in 1871 and is mended with {name} wire every spring."


@dataclass
class Installation:
    """RAG_HOME below `folder`, and the command line over it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def use_models(self, made: Path) -> None:
        """Take models that another installation made; nobody writes into a model's file."""
        shutil.copytree(made, self.home / "models", copy_function=os.link)

    def sources(self, text: str) -> None:
        (self.folder / "sources.yaml").write_text(text)

    def rag(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """Run `rag … --json`; what it printed. Fails where the exit status is another."""
        done = self.run(*arguments, "--json")
        assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def run(self, *arguments: str, **ours: str) -> "subprocess.CompletedProcess[str]":
        """Run `rag …`, with these variables beside the installation's own."""
        return subprocess.run(
            [sys.executable, "-m", "rag_pipelines.cli", *arguments],
            env=self.variables | ours,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
        )

    @property
    def variables(self) -> dict[str, str]:
        """The environment of its commands."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAG_", "DAGSTER_"))}
        usual = {
            "RAG_HOME": str(self.home),
            "RAG_SOURCES": str(self.folder / "sources.yaml"),
            "RAG_GENERATOR": "extractive:",
            "RAG_PORT": "9",
            "HF_HUB_OFFLINE": "1",
        }
        return kept | usual | self.environment


def website(name: str, url: str, **more: Any) -> str:
    """One entry of sources.yaml, as YAML that is JSON."""
    port = url.rstrip("/").rsplit(":", 1)[1]
    site = {"start_urls": [url], "allow_private_hosts": [f"127.0.0.1:{port}"], "delay": 0, **more}
    return f"  {name}: {json.dumps({'website': site})}\n"
