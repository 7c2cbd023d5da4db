"""An answer traced back to the bytes on the web server, over real pipelines and a service."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import httpx
import pytest

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.lib.instance import instance_of
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.settings import Settings
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.tables import Tables
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.end_to_end.installation import Installation, Site, sentence_of, website

pytestmark = pytest.mark.slow
QUESTION = "In which year was the anchor of this ship made?"


@contextmanager
def service(installation: Installation, generation: int) -> Iterator[httpx.Client]:
    home = installation.home
    embedder = load_embedder("onnx:minilm", home)
    live = LiveRelease(
        Releases(home / "releases"), embedder, lambda _: load_generator("extractive:", home)
    )
    stores = {"blobs": Blobs(str(home / "blobs")), "tables": Tables(str(home / "assets"))}
    with serving(live, **stores) as client:
        until(lambda: ready(client, generation), 120)
        yield client


def traced(client: httpx.Client, question: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The lineage of an answer, and of its first citation."""
    said = client.post("/api/question", json={"question": question}).json()
    told = client.get(f"/api/answers/{said['answer_id']}/lineage").json()
    return told, told["citations"][0]


def test_an_answer_leads_back_to_the_bytes_that_were_fetched(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
):
    site = Site(tmp_path_factory.mktemp("small") / "site")
    for name in ("anchor", "compass"):
        site.write(name, sentence_of(name))
    papers = json.dumps({"documents": {"paths": ["*.md"]}, "enrichment": {"entities": False}})
    (installation.folder / "pump.md").write_text("# Pump\n\nThe pump of the well is 9 m deep.\n")
    installation.sources(f"sources:\n{website('log', site.url)}  papers: {papers}\n")
    assert installation.rag("ingest", "--all")["published"]
    url = f"{site.url}anchor.html"
    with service(installation, 1) as client:
        told, cited = traced(client, QUESTION)
        _, of_paper = traced(client, "How deep is the pump of the well?")
        (known,) = installation.rag("why", url)["sources"]
        (paper,) = installation.rag("why", "file:pump.md")["sources"]

    page = (site.folder / "anchor.html").read_bytes()
    assert cited["chunk"]["url"] == cited["fetch"]["url"] == url
    assert cited["page"]["snapshot"] == cited["fetch"]["snapshot"] == sha256(page).hexdigest()
    assert (cited["fetch"]["status"], cited["fetch"]["outcome"]) == (200, "fetched")
    assert cited["fetch"] == known["ledger"]
    assert (cited["page"], cited["run_id"]) == (known["page"], known["run_id"])
    document = (installation.folder / "pump.md").read_bytes()
    assert of_paper["document"]["document"] == sha256(document).hexdigest()
    assert (of_paper["document"], of_paper["run_id"]) == (paper["document"], paper["run_id"])
    assert of_paper["fetch"] is None

    settings = Settings(home=installation.home, DAGSTER_HOME=installation.home / "dagster")
    with instance_of(settings) as instance:
        runs = {id_: instance.get_run_by_id(id_) for id_ in (cited["run_id"], of_paper["run_id"])}
        build = instance.get_run_by_id(told["release"]["run_id"])
    assert [run.job_name for run in runs.values() if run] == ["refresh_source"] * 2
    assert build
    assert build.job_name == "build_release"
    site.close()
