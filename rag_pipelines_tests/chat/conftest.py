import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import Echo, build, releases_in
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


@pytest.fixture(scope="session")
def three_editions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Editions 1 to 3 built and good, nothing published."""
    folder = tmp_path_factory.mktemp("editions")
    for edition in (1, 2, 3):
        build(releases_in(folder), edition)
    return folder / "releases"


@pytest.fixture
def releases(three_editions: Path, tmp_path: Path) -> Releases:
    shutil.copytree(three_editions, tmp_path / "releases")
    return releases_in(tmp_path)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def live(releases: Releases, echo: Echo) -> Iterator[LiveRelease]:
    """Not started: a service starts it, or a test steps it."""
    live = LiveRelease(releases, TopicEmbedder(), lambda name: echo, poll_seconds=0.1)
    yield live
    live.stop()
