import os
import shutil
import time
from pathlib import Path

import pytest

from rag_pipelines.errors import ReleaseError, ReleaseLocked
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.lock import locked
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.retrieval.corpus import build, first, good
from rag_pipelines_tests.retrieval.processes import kill, running

MODEL = ModelRef("extractive:")
LEASE = """
with releases.lease(sys.argv[2], "reader"):
    print("leased", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def four_good_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    releases = Releases(tmp_path_factory.mktemp("built") / "releases")
    for count in (10, 11, 12, 13):
        good(releases, first(count))
    releases.publish(releases.list()[-1].name, MODEL, "newest")
    return releases.root


@pytest.fixture
def releases(four_good_releases: Path, tmp_path: Path) -> Releases:
    shutil.copytree(four_good_releases, tmp_path / "releases")
    return Releases(tmp_path / "releases", keep=1)


def sequences(releases: Releases) -> list[int]:
    return [release.sequence for release in releases.list()]


def test_the_served_and_some_before_it_are_kept(releases: Releases):
    assert [name[:7] for name in releases.collect()] == ["v000001", "v000002"]
    assert sequences(releases) == [3, 4]
    assert releases.collect() == []
    assert not list(releases.root.glob(".tmp-*"))


def test_after_a_rollback_the_older_one_is_what_is_kept(releases: Releases):
    oldest = releases.list()[0].name
    releases.rollback(to=oldest)
    releases.collect()
    assert sequences(releases) == [1, 3, 4], "served, spare, head"


def test_a_leased_release_is_kept_until_its_reader_lets_go(releases: Releases):
    with releases.lease(releases.list()[0].name, "reader") as release:
        releases.collect()
        assert sequences(releases) == [1, 3, 4]
        assert release.path.is_dir()
    releases.collect()
    assert sequences(releases) == [3, 4]


def test_two_readers_lease_one_release(releases: Releases):
    name = releases.list()[0].name
    with releases.lease(name, "one"):
        with releases.lease(name, "two"):
            pass
        releases.collect()
        assert name in {release.name for release in releases.list()}


def test_a_lease_ends_with_a_reader_that_is_killed(releases: Releases):
    name = releases.list()[0].name
    with running(LEASE, releases.root, name) as reader:
        releases.collect()
        assert sequences(releases) == [1, 3, 4]
        kill(reader)
        assert [n[:7] for n in releases.collect()] == ["v000001"]
    assert not list((releases.root / "leases").iterdir())


@pytest.mark.parametrize("days", [-1, 1])
def test_no_clock_decides_what_is_leased_or_newest(releases: Releases, days: int):
    moved = time.time() + days * 86_400
    name = releases.list()[0].name
    with running(LEASE, releases.root, name):
        for path in releases.root.rglob("*"):
            os.utime(path, (moved, moved))
        releases.collect()
        assert sequences(releases) == [1, 3, 4]
    newest = build(releases, first(14))
    for path in releases.root.rglob("*"):
        os.utime(path, (moved, moved))
    assert newest.sequence == 5
    assert releases.list()[-1].name == newest.name


def test_what_was_collected_cannot_be_leased(releases: Releases):
    name = releases.collect()[0]
    with (
        pytest.raises(ReleaseError, match="There is no release"),
        releases.lease(name, "late"),
    ):
        pass


def test_nothing_is_collected_while_somebody_builds(releases: Releases):
    leftover = releases.root / ".tmp-being-built"
    leftover.mkdir()
    with locked(releases.root / "build.lock", "a build"):
        assert releases.collect() == []
    assert leftover.is_dir()
    releases.collect()
    assert not leftover.exists()


def test_half_of_a_release_is_collected(releases: Releases):
    (releases.list()[2].path / "manifest.json").write_text("{")
    releases.collect()
    assert sequences(releases) == [2, 4]
    assert sorted(p.name[:7] for p in releases.root.glob("v*-*")) == ["v000002", "v000004"]


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path):
    with (
        locked(tmp_path / "lock", "build for run 7"),
        pytest.raises(ReleaseLocked, match=rf"process {os.getpid()} .*build for run 7"),
        locked(tmp_path / "lock", "another"),
    ):
        pass
    with locked(tmp_path / "lock", "another"):
        pass
