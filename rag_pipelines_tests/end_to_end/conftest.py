from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    folder = tmp_path / "installation"
    folder.mkdir()
    return Installation(folder)
