"""The pipelines' calls to a running service, with and without keys."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from rag_pipelines.chat.gate import Rules
from rag_pipelines.chat.keys import Keys
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.defs.serving.checks import probe_answer_cites_source, service_serves_release
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.service import Untold, call, served, wait_until_served
from rag_pipelines.settings import Settings
from rag_pipelines_tests.chat.editions import QUESTION, Echo, publish, releases_in
from rag_pipelines_tests.chat.service import serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    publish(releases_in(home), 1)
    (home / "golden.yaml").write_text(
        f"- question: {QUESTION}\n  expect: [{{url: http://127.0.0.1/handbook/warranty.html}}]\n"
    )
    return home


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    live = LiveRelease(releases_in(home), TopicEmbedder(), lambda name: Echo())
    with serving(live, rules=Rules(keys=Keys(home / "keys.json"))) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        yield httpx.URL(client.base_url).port or 0


@pytest.fixture
def keys(home: Path) -> Iterator[Keys]:
    yield Keys(home / "keys.json")
    (home / "keys.json").unlink(missing_ok=True)


def installation(home: Path, port: int, key: str | None = None) -> Settings:
    secret = SecretStr(key) if key else None
    return Settings(home=home, port=port, key=secret, golden=home / "golden.yaml")


def told(settings: Settings) -> tuple[bool, str]:
    """Whether both checks pass, and what they say of the service."""
    project = Project(settings)
    found = [service_serves_release(project), probe_answer_cites_source(project)]
    return all(one.passed for one in found), str([one.metadata for one in found])


def test_without_keys_the_pipelines_need_none(home: Path, port: int, keys: Keys):
    settings = installation(home, port)
    assert served(settings)["generation"] == 1
    assert isinstance(wait_until_served(settings, 1), float)
    passed, metadata = told(settings)
    assert passed
    assert "edition 1" in metadata


def test_with_rag_key_the_pipelines_are_told_as_before(home: Path, port: int, keys: Keys):
    settings = installation(home, port, keys.add("pipelines"))
    assert served(settings)["generation"] == 1
    assert isinstance(wait_until_served(settings, 1), float)
    passed, metadata = told(settings)
    assert passed
    assert "edition 1" in metadata


@pytest.mark.parametrize("key", [None, "rag_wrong", "rag\nwrong", "schlüssel"])
def test_without_a_right_key_a_run_says_so_and_goes_on(
    home: Path, port: int, keys: Keys, key: str | None
):
    keys.add("ann")
    settings = installation(home, port, key)
    with pytest.raises(Untold):
        served(settings)
    why = wait_until_served(settings, 1)
    passed, metadata = told(settings)
    assert passed
    if key in (None, "rag_wrong"):
        assert "rag keys add pipelines" in str(why)
        assert "RAG_KEY" in metadata
    assert key is None or key not in f"{why} {metadata}"


def test_where_no_service_runs_a_run_goes_on(home: Path):
    settings = installation(home, 9)
    assert "no chat service answers" in str(wait_until_served(settings, 1))
    assert told(settings)[0]


def test_an_installation_that_serves_nothing_yet_tells_its_status(home: Path, tmp_path: Path):
    live = LiveRelease(releases_in(tmp_path), TopicEmbedder(), lambda name: Echo())
    with serving(live) as client:
        settings = installation(home, httpx.URL(client.base_url).port or 0)
        assert call(settings, "POST", "/admin/reload").status_code == 202
        with pytest.raises(Untold, match="503"):
            served(settings)
