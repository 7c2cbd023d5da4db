from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.inference.minilm.store import int8_model
from rag_pipelines_tests.end_to_end.installation import TOPICS, Installation, Site, sentence_of


@pytest.fixture(autouse=True)
def own_dagster_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening an instance sets DAGSTER_HOME, which the next test's settings would read."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.delenv("DAGSTER_HOME")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "site")
    for name in TOPICS:
        made.write(name, sentence_of(name))
    yield made
    made.close()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedder's graph as an installation makes it at first use; two CPU seconds of work."""
    home = tmp_path_factory.mktemp("models")
    int8_model(home)
    return home / "models"


@pytest.fixture
def installation(tmp_path: Path, models: Path) -> Installation:
    """Nothing is configured yet, and the embedder was used before."""
    folder = tmp_path / "installation"
    folder.mkdir()
    made = Installation(folder)
    made.use_models(models)
    return made
