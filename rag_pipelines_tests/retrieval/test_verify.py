"""The checks, and damaged releases in front of them (rows F2 and F19)."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rag_pipelines.errors import EmbedderMismatch, ReleaseError
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.index import open_index
from rag_pipelines.retrieval.manifest import Release, write_manifest
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.verdicts import CHECKS, Verdict
from rag_pipelines.retrieval.verify import verify
from rag_pipelines.retrieval.writer import indexes_sha256
from rag_pipelines_tests.retrieval.corpus import build, chunk, first, good

MODEL = ModelRef("extractive:")
VERIFIER = "rag_pipelines_tests.retrieval.verifier"
QUESTION = """
- question: {question}
  expect: [{{url: "{url}", quote: "{quote}"}}]
"""


@pytest.fixture(scope="module")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published release of 390 rows, and one of 400 that nobody has judged."""
    releases = Releases(tmp_path_factory.mktemp("built") / "releases")
    releases.publish(good(releases, first(390)).name, MODEL, "served")
    build(releases, first(400))
    return releases.root


@pytest.fixture
def releases(two_releases: Path, tmp_path: Path) -> Releases:
    shutil.copytree(two_releases, tmp_path / "releases")
    return Releases(tmp_path / "releases")


def newest(releases: Releases) -> Release:
    return releases.list()[-1]


def tried(releases: Releases, golden: Path | None = None, embedder: str = "fake:") -> Verdict:
    """The verdict of a real subprocess on the newest release, remembered."""
    name = max(path.name for path in releases.root.glob("v*-*"))
    verdict = verify(releases.root, name, golden, embedder, releases.root, verifier=VERIFIER)
    releases.record_verdict(verdict)
    return verdict


def outcomes(verdict: Verdict) -> dict[str, bool]:
    return {name: verdict.checks[name].passed for name in CHECKS}


def question(number: int, quote: str | None = None) -> str:
    one = chunk(number)
    return QUESTION.format(question=one.text, url=one.url, quote=quote or one.text)


def golden_file(releases: Releases, *questions: str) -> Path:
    path = releases.root.parent / "golden.yaml"
    path.write_text("".join(questions))
    return path


def test_a_sound_release_passes_every_check_and_may_be_published(releases: Releases):
    golden = golden_file(releases, question(1), question(395))
    verdict = tried(releases, golden)
    assert verdict.passed, verdict.checks
    assert verdict.metrics["ann_recall@10"] >= 0.95
    assert verdict.metrics["golden_recall@10"] == 1
    assert verdict.checks["no_regression"].metadata["compared"] is True
    assert newest(releases).manifest.metrics["self_hits"] == 1
    assert releases.publish(newest(releases).name, MODEL, "verified").generation == 2
    assert tried(releases, golden).passed, "reading a release must not change its files"


def test_golden_questions_that_find_nothing_fail_only_their_check(releases: Releases):
    golden = golden_file(releases, question(1), question(2, quote="no such passage"))
    verdict = tried(releases, golden)
    assert [name for name, passed in outcomes(verdict).items() if not passed] == ["golden_recall"]
    assert "no such passage" in str(verdict.checks["golden_recall"].metadata["missed"])
    assert not releases.needs_build(newest(releases).digest, verdict.golden)
    golden.write_text(question(1))
    assert tried(releases, golden).passed


def test_a_release_that_loses_what_the_served_one_answers_fails(releases: Releases):
    build(releases, [chunk(n) for n in range(400) if n not in (1, 9)])
    wanted = [question(n) for n in (1, 9, 17, 25, 33, 41, 49, 57, 65, 73, 81, 89, 97)]
    verdict = tried(releases, golden_file(releases, *wanted))
    assert [name for name, passed in outcomes(verdict).items() if not passed] == ["no_regression"]


CHROMA_FILES = (
    "chroma/*/header.bin",
    "chroma/*/data_level0.bin",
    "chroma/*/length.bin",
    "chroma/*/link_lists.bin",
    "chroma/*/index_metadata.pickle",
    "chroma/chroma.sqlite3",
)


def truncate(path: Path) -> None:
    content = path.read_bytes()
    assert content, f"{path} is empty: cutting it would prove nothing"
    path.write_bytes(content[: len(content) // 2])


CUT = [*CHROMA_FILES, "rows.arrow", "vectors.f32", "manifest.json", "lexical/*.npy"]
GONE = ["chroma/*/data_level0.bin", "chroma/chroma.sqlite3", "manifest.json"]


@pytest.mark.parametrize(
    ("damage", "pattern"),
    [*((truncate, pattern) for pattern in CUT), *((Path.unlink, pattern) for pattern in GONE)],
)
def test_damaged_files_are_rejected_and_what_is_served_stays(
    releases: Releases, damage: Callable[[Path], None], pattern: str
):
    name, digest = newest(releases).name, newest(releases).digest
    path = max((releases.root / name).glob(pattern), key=lambda path: path.stat().st_size)
    damage(path)
    verdict = tried(releases)
    assert not outcomes(verdict)["count_matches_manifest"], f"nobody noticed {path.name}"
    assert releases.newest_publishable() is None
    with pytest.raises(ReleaseError):
        releases.publish(name, MODEL, "try")
    assert releases.needs_build(digest), "the content is good: its files are built once more"
    assert_first_serves(releases)


def assert_first_serves(releases: Releases) -> None:
    pointer = releases.current()
    assert pointer is not None
    index = open_index(releases.get(pointer.release).path)
    assert index.count() == index.manifest.rows == 390
    index.close()


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_verifier_that_crashes_is_only_a_failed_check(releases: Releases, signal: str):
    module = f"rag_pipelines_tests.retrieval.crashes.{signal.lower()}"
    verdict = verify(
        releases.root, newest(releases).name, None, "fake:", releases.root, verifier=module
    )
    assert not any(outcomes(verdict).values())
    assert signal in str(verdict.checks["ann_recall"].metadata["error"])


def test_a_verifier_that_hangs_is_a_failed_check(releases: Releases):
    verdict = verify(
        releases.root,
        newest(releases).name,
        None,
        "fake:",
        releases.root,
        timeout_seconds=0.2,
        verifier="rag_pipelines_tests.retrieval.crashes.hang",
    )
    assert "0.2 s" in str(verdict.checks["ann_recall"].metadata["error"])


def test_without_its_embedder_or_readable_questions_no_verdict_is_given(releases: Releases):
    with pytest.raises(ReleaseError, match="no such embedder"):
        tried(releases, embedder="missing:")
    with pytest.raises(ReleaseError, match="failing: broke off at 64 questions"):
        tried(releases, embedder="failing:")
    with pytest.raises(ReleaseError, match=r"golden\.yaml"):
        tried(releases, golden_file(releases, "- question: 7\n"))
    assert releases.verdict(newest(releases).digest) is None


def test_an_index_of_another_embedder_is_refused_at_load_and_by_the_checks(releases: Releases):
    path = newest(releases).path
    with pytest.raises(EmbedderMismatch, match=r"fake:topics .*rag ingest"):
        open_index(path, fingerprint="another")
    verdict = tried(releases, embedder="another:")
    assert not verdict.checks["one_embedder"].passed
    assert_first_serves(releases)


def test_a_graph_that_was_written_with_half_the_vectors_is_seen(releases: Releases):
    half = build(releases, first(200))
    whole = releases.list()[1]
    shutil.rmtree(whole.path / "chroma")
    shutil.copytree(half.path / "chroma", whole.path / "chroma")
    shutil.rmtree(half.path)
    digest = indexes_sha256(whole.path)
    write_manifest(whole.path, replace(whole.manifest, indexes_sha256=digest))
    verdict = tried(releases)
    assert verdict.checks["count_matches_manifest"].metadata["vectors"] == 200
    assert not verdict.passed
