"""A hub's model is fetched without what may not be loaded, and its JSON is judged first.

The official client in a process of its own, against a small server that speaks the hub's protocol.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rag_pipelines_tests.inference import tiny_models

COMMIT = "c" * 40
_ASKS = """
import json, sys
from rag_pipelines.inference.auto.models import load
from rag_pipelines.inference.auto.question_answering import QuestionAnswering
from rag_pipelines.errors import ModelUnavailable
for name in sys.argv[1:]:
    name, _, offline = name.partition("@")
    try:
        load(QuestionAnswering, name, "cpu", offline=bool(offline))
        print(json.dumps("loaded"))
    except ModelUnavailable as refused:
        print(json.dumps(str(refused)))
"""


@dataclass
class Hub:
    """Repositories of `some`, each a folder, and which of their files were fetched."""

    folder: Path
    home: Path
    address: str = ""
    fetched: list[str] = field(default_factory=list[str])

    def loaded(self, *names: str) -> list[str]:
        """What loading each of the models says; `NAME@cache` is one from the cache alone."""
        asked = subprocess.run(
            [sys.executable, "-c", _ASKS, *(f"some/{name}" for name in names)],
            env=os.environ
            | {
                "HF_ENDPOINT": self.address,
                "HF_HOME": str(self.home),
                "HF_HUB_OFFLINE": "0",
                "HF_HUB_DISABLE_XET": "1",
                "NO_PROXY": "*",
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in asked.stdout.splitlines()]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path / "some", tmp_path / "home")

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            place = self.path.partition("?")[0].strip("/")
            if place.startswith("api/models/some/"):
                self._tell(place.split("/")[3], tree="/tree/" in place)
                return
            _, model, _, _, name = place.split("/", 4)
            if self.command == "GET":
                hub.fetched.append(f"{model}/{name}")
            self._send((hub.folder / model / name).read_bytes())

        def _tell(self, model: str, tree: bool) -> None:
            folder = hub.folder / model
            files = {
                path.relative_to(folder).as_posix(): path.stat().st_size
                for path in folder.rglob("*")
                if path.is_file()
            }
            if not files:
                self.send_error(404)
            elif tree:
                rows = [
                    {"type": "file", "path": n, "size": s, "oid": "0"} for n, s in files.items()
                ]
                self._send(json.dumps(rows).encode())
            else:
                names = [{"rfilename": name} for name in files]
                told = {"id": f"some/{model}", "sha": COMMIT, "siblings": names}
                self._send(json.dumps(told).encode())

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def repository(hub: Hub, name: str, **told: object) -> Path:
    """A reader whose config.json says something else besides."""
    folder = tiny_models.reader(hub.folder / name)
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **told}))
    return folder


def test_only_what_may_be_loaded_is_fetched_and_json_is_judged_before_weights(hub: Hub):
    good = repository(hub, "good")
    (good / "pytorch_model.bin").write_bytes(b"pickled")
    (good / "onnx").mkdir()
    (good / "onnx" / "model.safetensors").write_bytes(b"of another runtime")
    repository(hub, "code", auto_map={"AutoModel": "own.M"})
    repository(hub, "other", architectures=["BertForMaskedLM"])
    pickled = repository(hub, "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    names = ("good@cache", "good", "code", "other", "pickled", "unknown", "good@cache")
    absent, loaded, code, other, pickles, unknown, again = hub.loaded(*names)
    assert "the local cache has no such model" in absent
    assert loaded == again == "loaded"
    assert "auto_map" in code
    assert "expected BertForQuestionAnswering" in other
    assert "model.safetensors is missing" in pickles
    assert "the hub gave no such model" in unknown
    large = [file for file in hub.fetched if not file.endswith((".json", ".txt"))]
    assert large == ["good/model.safetensors"]
