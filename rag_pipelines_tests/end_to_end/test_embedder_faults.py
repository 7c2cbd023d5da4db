"""An embedder that fails in the middle of a run stops it before anything is published. Row F13."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from rag_pipelines.inference.servers import ModelServers
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.settings import Settings
from rag_pipelines_tests.end_to_end.installation import Installation, Site, website
from rag_pipelines_tests.inference.model_server import EMBEDDING_MODEL, ModelServer, serving

pytestmark = pytest.mark.slow

SECTIONS = 300  # chunks of about four make more than one batch
ATTEMPTS = 3
TRIES = 1 + ModelServers().retries
"""Of one request whose connection was lost, before the attempt fails."""


def sound(text: str) -> list[Any]:
    return [float(len(text)), *(float(text.count(letter)) for letter in "aeiou")]


def dies(_text: str) -> list[Any]:
    raise ConnectionAbortedError


def too_narrow(text: str) -> list[Any]:
    return sound(text)[:-1]


def not_a_number(text: str) -> list[Any]:
    return [*sound(text)[:-1], float("nan")]


class Script:
    """What each coming request for vectors gets, in order, and sound vectors after that."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._begin, self._acts = 0, list[Callable[[str], list[Any]]]()
        server.vector = self._vector

    def set(self, *acts: Callable[[str], list[Any]]) -> None:
        self._acts, self._begin = list(acts), len(self._asked())

    def asked(self) -> int:
        """Requests with passages since the script was set."""
        return len(self._asked()) - self._begin

    def _asked(self) -> list[Any]:
        asked = self._server.asked("/api/embed")
        return [body for body in asked if body["input"] != ["dimension"]]

    def _vector(self, text: str) -> list[Any]:
        act = self.asked() - 1
        return self._acts[act](text) if 0 <= act < len(self._acts) else sound(text)


@pytest.fixture
def script(installation: Installation) -> Iterator[Script]:
    with serving(ModelServer()) as server:
        installation.environment |= {
            "RAG_EMBEDDER": f"ollama:{EMBEDDING_MODEL}",
            "OLLAMA_HOST": server.address,
        }
        yield Script(server)


def with_a_manual(installation: Installation, site: Site) -> None:
    papers = json.dumps({"documents": {"paths": ["manual.md"]}})
    installation.sources(f"sources:\n{website('log', site.url)}  papers: {papers}\n")
    sections = (
        f"# Part {n}\n\nPart {n} of the pump is cleaned with {n} drops of oil in its bearing, and "
        f"then turned by hand for {n} minutes until it runs without a sound.\n"
        for n in range(SECTIONS)
    )
    (installation.folder / "manual.md").write_text("\n".join(sections))


def attempts(home: Path) -> tuple[dg.DagsterRun, list[str]]:
    """The newest refresh, and what Dagster wrote down of its step `embeddings`."""
    with instance_of(Settings(home=home)) as instance:
        only = dg.RunsFilter(job_name="refresh_source")
        (record,) = instance.get_run_records(only, limit=1)
        logs = instance.all_logs(record.dagster_run.run_id)
    events = [log.dagster_event for log in logs if log.dagster_event]
    return record.dagster_run, [
        event.event_type_value for event in events if event.step_key == "embeddings"
    ]


def test_a_failing_embedder_stops_the_run_before_anything_is_published(
    installation: Installation, site: Site, script: Script
) -> None:
    with_a_manual(installation, site)
    served = installation.rag("ingest", "log")
    assert served["published"]

    # Each attempt gets two sound answers before its fault: what it computed is not kept.
    lost = [sound, sound, *[dies] * TRIES]
    script.set(*lost, sound, sound, too_narrow, sound, sound, not_a_number)
    failed = installation.run("ingest", "papers", "--json")
    assert failed.returncode == 1, failed.stdout
    assert "not finite" in failed.stderr
    assert script.asked() == len(lost) + 3 + 3
    run, events = attempts(installation.home)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert events.count("STEP_UP_FOR_RETRY") == events.count("STEP_RESTARTED") == ATTEMPTS - 1
    assert events.count("STEP_FAILURE") == 1
    assert "ASSET_MATERIALIZATION" not in events
    said = json.loads(failed.stdout)
    assert (said["published"], said["release"]) == (False, served["release"])
    (only,) = installation.rag("releases")["releases"]
    assert only["release"] == served["release"]

    script.set(*lost)
    healed = installation.rag("ingest", "papers")
    assert healed["published"]
    assert healed["sources"]["papers"]["embedded"] == healed["sources"]["papers"]["chunks"] > 64
    _, events = attempts(installation.home)
    assert events.count("STEP_RESTARTED") == events.count("ASSET_MATERIALIZATION") == 1
