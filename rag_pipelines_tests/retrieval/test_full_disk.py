"""Row F11: a disk that is full while a release is built costs that build and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.index import open_index
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.retrieval.corpus import build, files_below, first, good
from rag_pipelines_tests.small_disk import FULL, SmallDisk, small_disk

MODEL = ModelRef("extractive:")
ROWS = 600
"""Rows of about 100 KB, whose indexes take 2 MB."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 64 << 20) as made:
        yield made


def test_a_full_disk_fails_the_build_alone_and_the_next_is_whole(disk: SmallDisk):
    releases = Releases(disk.path / "releases")
    pointer = releases.publish(good(releases, first(40)).name, MODEL, "served")
    before = files_below(releases.root)
    for left, told in ((500_000, "Nothing changed; run it again"), (20_000, FULL)):
        disk.fill(left)
        with pytest.raises((ReleaseError, OSError), match=told):
            build(releases, first(ROWS))
        assert releases.current() == pointer
        assert files_below(releases.root) == before
    disk.empty()
    release = good(releases, first(ROWS))
    releases.publish(release.name, MODEL, "there is space")
    index = open_index(release.path)
    assert index.count() == index.manifest.rows == ROWS
    assert index.search(index.rows.vectors[7], 1)[0][0] == 7
    index.close()
