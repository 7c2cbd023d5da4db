"""Row B9: schemathesis reads the service's OpenAPI and calls everything, over a real socket."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rag_pipelines.chat.gate import OPEN, Rules
from rag_pipelines.chat.keys import Keys
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import Echo, publish
from rag_pipelines_tests.chat.service import app_over, running, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

CONFIG = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")
SHORT = ["--max-examples", "5", "--generation-deterministic"]
FULL = ["--max-time", "300", "--max-examples", "1000"]
CASES = re.compile(r"^  ([\d,]+) generated", re.MULTILINE)


@pytest.fixture
def service(releases: Releases, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Where a service with keys listens, and a key of it."""
    publish(releases, 1)
    keys = Keys(tmp_path / "keys.json")
    key = keys.add("ann")
    live = LiveRelease(releases, TopicEmbedder(), lambda name: Echo())
    with running(app_over(live, rules=Rules(keys=keys))) as base:
        until(lambda: httpx.get(f"{base}/readyz", trust_env=False).status_code == 200)
        yield base, key


@pytest.mark.slow
def test_whatever_is_sent_what_comes_back_is_as_the_schema_says(
    service: tuple[str, str], tmp_path: Path, request: pytest.FixtureRequest
):
    base, key = service
    form = FULL if request.config.getoption("--full") else SHORT
    command = [PROGRAM, "--config-file", CONFIG, "run", f"{base}/openapi.json", "--checks", "all"]
    command += ["--header", f"Authorization: Bearer {key}", "--no-color", "--continue-on-failure"]
    done = subprocess.run([*command, *form], cwd=tmp_path, capture_output=True, text=True)
    said = done.stdout[done.stdout.find("Operations:") :]
    assert done.returncode == 0, said + done.stderr
    print(said)
    (cases,) = CASES.findall(said)
    assert int(cases.replace(",", "")) > 500


def test_the_schema_says_which_calls_need_a_key(live: LiveRelease):
    schema = app_over(live).openapi()
    schemes = schema["components"]["securitySchemes"]
    assert {(s["type"], s["scheme"]) for s in schemes.values()} == {("http", "bearer")}
    needed = {
        path: "security" in call
        for path, calls in schema["paths"].items()
        for call in calls.values()
    }
    assert needed["/api/question"]
    assert {path for path, key in needed.items() if not key} == OPEN & set(schema["paths"])
