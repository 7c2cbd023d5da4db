"""The service answers by variants of the factory, and goes from one to another under way."""

from pathlib import Path

import httpx
import pytest

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.inference.generators import load_generator
from rag_pipelines.models.config import BaseSource, Models, Variant
from rag_pipelines.models.making import Factory
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines_tests.chat.editions import QUESTION, publish, releases_in
from rag_pipelines_tests.chat.service import serving, until
from rag_pipelines_tests.models.tiny import speaking_model
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

FACT = "The warranty of the kettle lasts 2 years in edition 1."


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A graph and a model in four bits that say what the edition says."""
    home = tmp_path_factory.mktemp("home")
    base = BaseSource(folder=speaking_model(home / "speaking", FACT))
    variants = {"graph": Variant(method="onnx-int8"), "small": Variant(method="nf4")}
    factory = Factory(
        Models(bases={"base": base}, variants=variants), Artifacts(home / "artifacts"), offline=True
    )
    for name in variants:
        factory.make(name)
    return home


def test_an_onnx_and_an_nf4_variant_answer_and_change_places_without_a_restart(
    home: Path, tmp_path: Path
):
    releases = releases_in(tmp_path)
    live = LiveRelease(
        releases,
        TopicEmbedder(),
        lambda model: load_generator(model.name, home, digest=model.digest),
        poll_seconds=0.1,
    )
    with serving(live) as client:
        for generation, name in enumerate(("onnx:graph", "transformers:small", "onnx:graph"), 1):
            published(releases, home, name)
            until(lambda g=generation: served(client) == g, 60)
            told = client.post("/api/question", json={"question": QUESTION}).json()
            assert told["model"] == name
            assert told["answer"].startswith(FACT[:-1])
            assert told["citations"][0]["quote"] == FACT
            assert told["grounded"] == 1
            assert client.get("/api/release").json()["model"]["digest"] == digest(home, name)


def published(releases: Releases, home: Path, name: str) -> None:
    publish(releases, 1, ModelRef(name, digest(home, name)))


def digest(home: Path, name: str) -> str:
    return str(Artifacts(home / "artifacts").named(name.partition(":")[2]))


def served(client: httpx.Client) -> int:
    answer = client.get("/api/release")
    return answer.json()["generation"] if answer.status_code == 200 else 0
