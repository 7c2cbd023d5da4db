"""`rag doctor` on real installations: what it finds, and that it always says what to do."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.chat.keys import Keys
from rag_pipelines.cli.check import Check
from rag_pipelines.cli.doctor import pull_missing, run_checks, worst
from rag_pipelines.cli.keys_health import keys_health
from rag_pipelines.cli.machine import disk_check, port_check, python_check, write_check
from rag_pipelines.lib.project import Project
from rag_pipelines.records import EmbeddedChunks, ModelRef, no_progress
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.settings import settings
from rag_pipelines_tests.inference import tiny_models
from rag_pipelines_tests.inference.model_server import ModelServer, serving
from rag_pipelines_tests.retrieval import corpus

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith(("RAG_", "DAGSTER_", "MLFLOW_", "OLLAMA_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    monkeypatch.setenv("RAG_GENERATOR", "extractive:")
    for name in ("RAG_PORT", "RAG_DAGSTER_PORT", "RAG_MLFLOW_PORT"):
        monkeypatch.setenv(name, "0")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def publish(release: Release, releases: Releases) -> Release:
    judged = corpus.judge(releases, release)
    releases.publish(judged.name, ModelRef("extractive:"), "test")
    return judged


def served_by_the_configured_embedder() -> Release:
    """A release of eight chunks, made and published as ingesting does."""
    project = Project(settings())
    chunks = corpus.first(8)
    vectors = project.embedder.encode([chunk.embedded_text for chunk in chunks])
    part = EmbeddedChunks(chunks, vectors, project.embedder.fingerprint)
    release = project.releases.build(
        {"site": lambda: part}, corpus.versions(chunks), project.index_spec(), "run"
    )
    return publish(release, project.releases)


def test_a_bare_installation_has_warnings_with_remedies_and_no_failure():
    checks = run_checks(settings())
    assert [check.found for check in checks if check.status == "fail"] == []
    assert {c.name for c in checks if c.status == "warn"} >= {"sources", "index"}
    assert all(check.remedy for check in checks if check.status != "ok")
    assert named(checks, "embedder").found == "onnx:minilm, 384 dimensions"
    assert named(checks, "index").remedy == "rag ingest --all"


def test_a_served_release_is_opened_and_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_SOURCES", str(EXAMPLES / "sources.yaml"))
    release = served_by_the_configured_embedder()
    checks = run_checks(settings())
    assert named(checks, "index") == Check(
        "index", "ok", f"{release.name} opens: 8 chunks of 1 sources"
    )
    assert named(checks, "sources").status == "ok"
    assert named(checks, "golden questions").status == "ok"


@pytest.mark.parametrize("victim", ["chroma/chroma.sqlite3", "lexical", "vectors", "manifest.json"])
def test_a_damaged_release_is_told_and_does_not_take_the_doctor_along(victim: str):
    release = served_by_the_configured_embedder()
    damaged = [path for path in release.path.rglob("*") if victim in str(path) and path.is_file()]
    for path in damaged:
        path.write_bytes(b"\xff" * 16)
    index = named(run_checks(settings()), "index")
    assert damaged
    assert index.status == "fail"
    assert index.remedy


def test_another_embedders_release_is_told():
    read = settings()
    releases = Releases(read.releases)
    publish(corpus.build(releases, corpus.first(8)), releases)
    index = named(run_checks(read), "index")
    assert index.status == "fail"
    assert "fake:topics" in index.found


def test_a_mistake_in_sources_is_told_with_its_line(tmp_path: Path):
    (tmp_path / "sources.yaml").write_text("sources:\n  A: {}\n")
    check = named(run_checks(settings()), "sources")
    assert check.status == "fail"
    assert "sources.yaml:2: sources.A" in check.found


def test_a_server_that_is_needed_and_away_is_a_failure(monkeypatch: pytest.MonkeyPatch):
    assert named(run_checks(settings()), "ollama").status == "ok"
    monkeypatch.setenv("RAG_EMBEDDER", "ollama:nomic")
    checks = run_checks(settings())
    assert named(checks, "ollama").status == "fail"
    assert "ollama serve" in named(checks, "ollama").remedy
    assert named(checks, "embedder").status == "fail"


def test_a_span_generator_is_loaded_and_a_model_of_another_kind_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    reader = f"span:{tiny_models.reader(tmp_path / 'reader')}"
    monkeypatch.setenv("RAG_GENERATOR", reader)
    assert named(run_checks(settings()), "generator") == Check("generator", "ok", reader)
    scorer = tiny_models.classifier(tmp_path / "scorer")
    monkeypatch.setenv("RAG_GENERATOR", f"span:{scorer}")
    check = named(run_checks(settings()), "generator")
    assert check.status == "fail"
    assert "expected BertForQuestionAnswering" in check.found


def test_a_variable_that_nobody_reads_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_SOMETHING_ELSE", "1")
    assert "RAG_SOMETHING_ELSE" in named(run_checks(settings()), "variables").found


def test_keys_and_host_that_do_not_fit_are_told(monkeypatch: pytest.MonkeyPatch):
    keys = Keys(settings().keys)
    assert keys_health(Project(settings())).status == "ok"
    monkeypatch.setenv("RAG_HOST", "0.0.0.0")
    assert keys_health(Project(settings())).status == "fail"
    key = keys.add("pipelines")
    found = keys_health(Project(settings()))
    assert (found.status, "RAG_KEY" in found.remedy) == ("warn", True)
    monkeypatch.setenv("RAG_KEY", key)
    found = keys_health(Project(settings()))
    assert (found.status, "the pipelines ask as pipelines" in found.found) == ("ok", True)
    monkeypatch.setenv("RAG_KEY", f"{key}x")
    found = keys_health(Project(settings()))
    assert (found.status, key in f"{found}") == ("fail", False)


def test_damaged_keys_are_told():
    settings().keys.parent.mkdir(parents=True, exist_ok=True)
    settings().keys.write_text("{")
    found = named(run_checks(settings()), "keys")
    assert found.status == "fail"
    assert "damaged" in found.found


def test_a_taken_port_is_told(monkeypatch: pytest.MonkeyPatch, taken: int):
    monkeypatch.setenv("RAG_PORT", str(taken))
    check = named(run_checks(settings()), "port (RAG_PORT)")
    assert check.status == "warn"
    assert str(taken) in check.found
    assert "RAG_PORT" in check.remedy


def test_a_free_port_is_well():
    assert port_check("RAG_PORT", "127.0.0.1", 0).status == "ok"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    assert write_check("RAG_HOME", tmp_path / "new" / "folder").status == "ok"
    assert write_check("RAG_HOME", tmp_path / "file" / "folder").status == "fail"
    assert write_check("RAG_HOME", Path("/proc/rag")).status == "fail"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("free", "status"), [(10**8, "fail"), (2 * 10**9, "warn"), (10**11, "ok")])
def test_a_full_disk_is_told(tmp_path: Path, free: int, status: str):
    assert disk_check(tmp_path, free).status == status


@pytest.mark.parametrize(
    ("version", "status"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 12), "ok"), ((3, 13), "fail")]
)
def test_an_unsupported_python_is_told(version: tuple[int, int], status: str):
    assert python_check(version).status == status


def test_the_worst_check_is_what_the_whole_comes_to():
    well = Check("a", "ok", "")
    assert worst([well]) == "ok"
    assert worst([well, replace(well, status="warn")]) == "warn"
    assert worst([replace(well, status="fail"), replace(well, status="warn")]) == "fail"


def test_what_ollama_lacks_is_told_and_fetched(monkeypatch: pytest.MonkeyPatch):
    with serving(ModelServer()) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.address)
        monkeypatch.setenv("RAG_GENERATOR", "ollama:llama3.2")
        found = named(run_checks(settings()), "ollama")
        assert (found.status, "rag doctor --pull" in found.remedy) == ("fail", True)
        assert "llama3.2" in found.found
        pull_missing(settings(), no_progress)
        assert named(run_checks(settings()), "ollama").status == "ok"
        assert [body["model"] for body in server.asked("/api/pull")] == ["llama3.2"]
