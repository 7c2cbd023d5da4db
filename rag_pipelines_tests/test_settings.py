"""Variables: defaults, bounds, and what a mistake reads like."""

import os
from pathlib import Path

import pytest

from rag_pipelines.config.rates import Rate
from rag_pipelines.errors import ConfigError
from rag_pipelines.settings import settings, unknown_variables, variables


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*os.environ]:
        if name.startswith("RAG_") or name in variables():
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def mistakes() -> str:
    with pytest.raises(ConfigError) as caught:
        settings()
    return str(caught.value)


def test_without_a_variable_all_state_lies_under_one_folder(tmp_path: Path):
    found = settings()
    assert found.home == tmp_path / ".rag"
    assert found.dagster_home == tmp_path / ".rag" / "dagster"
    assert found.releases == tmp_path / ".rag" / "releases"
    assert found.assets == str(tmp_path / ".rag" / "assets")
    assert found.blobs == str(tmp_path / ".rag" / "blobs")
    assert found.mlflow_tracking_uri.get_secret_value() == f"sqlite:///{tmp_path}/.rag/mlflow.db"
    assert found.history_url.get_secret_value() == f"sqlite:///{tmp_path}/.rag/history.db"
    assert (found.embedder, found.generator) == ("onnx:minilm", None)


def test_reading_settings_creates_nothing(tmp_path: Path):
    settings()
    assert list(tmp_path.iterdir()) == []


def test_every_variable_of_the_interface_is_read():
    assert set(variables()) >= {
        *(f"RAG_{name}" for name in ("HOME", "STORAGE", "SOURCES", "GOLDEN", "MODELS")),
        *(f"RAG_{name}" for name in ("EMBEDDER", "GENERATOR", "CAPTIONER", "RERANKER")),
        *("RAG_HISTORY_URL", "RAG_HISTORY_TTL_DAYS", "RAG_CHROMA_URL", "RAG_KEEP_RELEASES"),
        *("RAG_HOST", "RAG_PORT", "RAG_DAGSTER_PORT", "RAG_MLFLOW_PORT"),
        *("RAG_KEY", "RAG_RATE_LIMIT"),
        *("DAGSTER_HOME", "MLFLOW_TRACKING_URI", "OLLAMA_HOST", "OPENAI_API_KEY"),
        *("LLAMA_CLOUD_API_KEY", "LLAMA_CLOUD_BASE_URL", "HF_HUB_OFFLINE"),
    }


def test_every_variable_says_what_it_is_for():
    assert [name for name, field in variables().items() if not field.description] == []


def test_the_readme_lists_every_variable_in_its_words():
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    table = readme.split("## Settings\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    told = {row[0].strip(" `"): row[-1].strip() for row in rows}
    assert told == {name: field.description for name, field in variables().items()}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("RAG_PORT", "abc", "a whole number"),
        ("RAG_PORT", "65536", "less than or equal to 65535"),
        ("RAG_DAGSTER_PORT", "-1", "greater than or equal to 0"),
        ("RAG_KEEP_RELEASES", "0", "greater than or equal to 1"),
        ("RAG_HISTORY_TTL_DAYS", "nan", "a finite number"),
        ("RAG_EMBEDDER", "minilm", "provider:model"),
        ("RAG_GENERATOR", "ollama", "provider:model"),
        ("RAG_STORAGE", "s4://bucket", "a folder or an fsspec URL"),
        ("RAG_CHROMA_URL", "chroma:8000", "a URL that starts with http: or https:"),
        ("RAG_HOST", "a b", "pattern"),
        ("RAG_RATE_LIMIT", "60", "such as 60/minute"),
        ("RAG_RATE_LIMIT", "0/minute", "such as 60/minute"),
        ("RAG_TRACE_SAMPLING", "1.1", "less than or equal to 1"),
        ("RAG_TRACE_SAMPLING", "nan", "less than or equal to 1"),
        ("RAG_SOURCES", "nowhere.yaml", "a file that exists"),
        ("RAG_GOLDEN", "nowhere.yaml", "a file that exists"),
        ("DAGSTER_HOME", "relative", "an absolute path"),
        ("OLLAMA_HOST", "http://:80:90", "host, host:port"),
        ("HF_HUB_OFFLINE", "perhaps", "true or false"),
    ],
)
def test_a_bad_value_names_variable_value_and_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
):
    monkeypatch.setenv(name, value)
    told = mistakes()
    assert told.startswith(f"{name}: found '{value}'; allowed: ")
    assert allowed in told


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_PORT", "abc")
    monkeypatch.setenv("RAG_EMBEDDER", "minilm")
    assert len(mistakes().splitlines()) == 2


def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_SOURCE", "x.yaml")
    assert "RAG_SOURCE: " in mistakes()
    assert "RAG_SOURCES" in mistakes()


def test_another_programs_variable_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_TEAM_NAME_OF_SOMEONE", "x")
    settings()
    assert unknown_variables() == ["RAG_TEAM_NAME_OF_SOMEONE"]


def test_a_rate_is_calls_in_a_time(monkeypatch: pytest.MonkeyPatch):
    assert settings().rate_limit is None
    monkeypatch.setenv("RAG_RATE_LIMIT", "60/minute")
    assert settings().rate_limit == Rate(60, 60)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_GENERATOR", "")
    monkeypatch.setenv("RAG_PORT", "")
    assert (settings().generator, settings().port) == (None, 8000)


@pytest.mark.parametrize(
    "name", ["RAG_HISTORY_URL", "RAG_KEY", "OPENAI_API_KEY", "LLAMA_CLOUD_API_KEY"]
)
def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "mongodb://user:canary@host/db")
    assert "canary" not in repr(settings())
    assert "canary" not in settings().model_dump_json()


def test_a_bad_secret_is_not_shown_either(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_HISTORY_URL", "postgres://user:canary@host/db")
    assert "RAG_HISTORY_URL: found a value that is not shown" in mistakes()
    assert "canary" not in mistakes()


def test_golden_questions_lie_beside_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sources.yaml").write_text("sources: {}")
    monkeypatch.setenv("RAG_SOURCES", "other/sources.yaml")
    assert settings().sources == tmp_path / "other" / "sources.yaml"
    assert settings().golden == tmp_path / "other" / "golden.yaml"


def test_assets_and_blobs_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAG_STORAGE", "memory://corpus/")
    assert settings().assets == "memory://corpus/assets"


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0:9999", "http://127.0.0.1:9999"),
        ("https://models.example", "https://models.example:11434"),
        ("[::1]:80", "http://[::1]:80"),
    ],
)
def test_ollamas_own_spellings_are_understood(
    monkeypatch: pytest.MonkeyPatch, given: str, base: str
):
    monkeypatch.setenv("OLLAMA_HOST", given)
    assert settings().ollama_host == base


def test_settings_do_not_change_once_read():
    with pytest.raises(ValueError, match="frozen"):
        settings().port = 1
