import shutil
from pathlib import Path

import pytest

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import Chunk, ModelRef
from rag_pipelines.retrieval.manifest import expected_digest
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.retrieval.corpus import SPEC, build, first, judge, versions

MODEL = ModelRef("extractive:", "d1")
A, B, C = first(12), first(13), first(14)


def digest(chunks: list[Chunk]) -> str:
    return expected_digest(versions(chunks), SPEC)


@pytest.fixture(scope="module")
def three_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three releases built in order; nothing verified or published yet."""
    root = tmp_path_factory.mktemp("built") / "releases"
    for chunks in (A, B, C):
        build(Releases(root), chunks)
    return root


@pytest.fixture
def releases(three_releases: Path, tmp_path: Path) -> Releases:
    shutil.copytree(three_releases, tmp_path / "releases")
    return Releases(tmp_path / "releases", keep=1)


def named(releases: Releases, chunks: list[Chunk], passed: bool = True) -> str:
    """Name of the release of these chunks, once the checks have judged it."""
    release = releases.find(digest(chunks))
    assert release is not None
    return judge(releases, release, golden_recall=passed).name


def head_of(releases: Releases, chunks: list[Chunk]) -> str:
    """Make these chunks what the corpus adds up to: their release is there, nothing is built."""
    return build(releases, chunks).name


def test_nothing_is_current_and_nothing_is_publishable_before_the_checks(releases: Releases):
    assert releases.current() is None
    assert releases.newest_publishable() is None
    with pytest.raises(ReleaseError, match="not verified"):
        releases.publish(releases.list()[0].name, MODEL, "try")


def test_publishing_moves_the_pointer_and_raises_the_generation(releases: Releases):
    a, b = named(releases, A), named(releases, B)
    assert releases.publish(a, MODEL, "first").generation == 1
    pointer = releases.publish(b, MODEL, "second")
    assert (pointer.generation, pointer.release, pointer.model) == (2, b, MODEL)
    assert releases.current() == pointer
    assert [releases.state(release) for release in releases.list()] == ["built", "served", "built"]


def test_publishing_what_is_served_changes_nothing(releases: Releases):
    pointer = releases.publish(named(releases, A), MODEL, "first")
    assert releases.publish(pointer.release, MODEL, "again") == pointer


def test_another_model_is_another_generation_of_the_same_release(releases: Releases):
    pointer = releases.publish(named(releases, A), MODEL, "first")
    again = releases.publish(pointer.release, ModelRef("extractive:", "d2"), "model")
    assert (again.generation, again.release) == (2, pointer.release)


def test_a_failed_release_is_never_published_and_not_built_again(releases: Releases):
    failed = named(releases, C, passed=False)
    assert releases.state(releases.get(failed)) == "failed"
    assert releases.newest_publishable() is None
    assert not releases.needs_build(digest(C))
    with pytest.raises(ReleaseError, match="failed its checks"):
        releases.publish(failed, MODEL, "try")


def test_other_golden_questions_give_a_failed_release_another_trial(releases: Releases):
    named(releases, C, passed=False)
    assert releases.needs_build(digest(C), golden="other questions")


def test_damaged_files_are_built_once_more_and_then_no_more(releases: Releases):
    for attempt in range(2):
        release = build(releases, C)
        assert release.sequence == 3 + attempt
        judge(releases, release, ann_recall=False)
        assert releases.needs_build(digest(C)) is (attempt == 0)


def test_a_build_that_was_killed_before_its_verdict_is_still_needed(releases: Releases):
    assert releases.needs_build(digest(C))
    named(releases, C)
    assert not releases.needs_build(digest(C))


def test_a_rollback_goes_one_generation_up_and_turns_the_newer_content_away(releases: Releases):
    a, c = named(releases, A), named(releases, C)
    releases.publish(a, MODEL, "first")
    releases.publish(c, MODEL, "second")
    pointer = releases.rollback()
    assert (pointer.generation, pointer.release, pointer.rejected) == (3, a, (digest(C),))
    assert releases.state(releases.get(c)) == "rejected"
    assert releases.newest_publishable() is None
    assert not releases.needs_build(digest(C))
    with pytest.raises(ReleaseError, match="rejected"):
        releases.publish(c, MODEL, "again")


def test_after_a_rollback_the_next_different_content_is_published(releases: Releases):
    a, b, c = named(releases, A), named(releases, B), named(releases, C)
    releases.publish(a, MODEL, "first")
    releases.publish(c, MODEL, "second")
    releases.rollback(to=a)
    assert releases.newest_publishable() is None, "what lies between is no news"
    head_of(releases, B)
    newest = releases.newest_publishable()
    assert newest is not None
    assert newest.name == b
    assert releases.publish(b, MODEL, "third").rejected == (digest(C),)


def test_a_rejected_release_can_be_brought_back_by_name(releases: Releases):
    a, c = named(releases, A), named(releases, C)
    releases.publish(a, MODEL, "first")
    releases.publish(c, MODEL, "second")
    releases.rollback()
    assert releases.rollback(to=c).rejected == (digest(A),)


def test_a_rollback_without_anything_older_says_so(releases: Releases):
    releases.publish(named(releases, A), MODEL, "first")
    with pytest.raises(ReleaseError, match="no other good release"):
        releases.rollback()


def test_content_that_returns_is_served_from_its_earlier_directory(releases: Releases):
    a, c = named(releases, A), named(releases, C)
    releases.publish(c, MODEL, "first")
    assert releases.needs_build(digest(A))
    assert head_of(releases, A) == a
    newest = releases.newest_publishable()
    assert newest is not None
    assert newest.name == a
    assert not releases.needs_build(digest(A))


def test_a_name_that_is_not_a_release_is_told_with_those_that_are(releases: Releases):
    for name in ("v000009-000000000000", "../elsewhere", "current.json"):
        with pytest.raises(ReleaseError, match=releases.list()[0].name):
            releases.get(name)


def test_fallbacks_are_good_releases_older_ones_first(releases: Releases):
    a, b, c = named(releases, A), named(releases, B), named(releases, C)
    releases.publish(b, MODEL, "first")
    assert [release.name for release in releases.fallbacks()] == [a, c]


def test_sequences_rise_over_what_was_collected_and_deleted(releases: Releases):
    for release in releases.list():
        shutil.rmtree(release.path)
    assert build(releases, A).sequence == 4


def test_generations_rise_over_a_lost_pointer(releases: Releases):
    a, b = named(releases, A), named(releases, B)
    releases.publish(a, MODEL, "first")
    releases.publish(b, MODEL, "second")
    (releases.root / "current.json").unlink()
    assert releases.publish(a, MODEL, "third").generation == 3


def test_a_damaged_pointer_is_reported_and_mended_by_naming_a_release(releases: Releases):
    a, b = named(releases, A), named(releases, B)
    releases.publish(b, MODEL, "first")
    (releases.root / "current.json").write_text('{"generation": 1')
    with pytest.raises(ReleaseError, match="rag rollback"):
        releases.current()
    assert releases.rollback(to=a).generation == 2


def test_figures_of_the_checks_are_in_the_manifest(releases: Releases):
    release = releases.list()[0]
    verdict = judge(releases, release)
    assert verdict.manifest.metrics["added"] == 12
    judged = releases.verdict(release.digest)
    assert judged is not None
    assert judged.passed
    assert judged.release == release.name


def test_a_damaged_release_is_built_again_from_its_own_rows(releases: Releases):
    c = named(releases, C)
    shutil.rmtree(releases.root / c / "chroma")
    again = releases.rebuild(c, "mend")
    assert (again.sequence, again.digest) == (4, digest(C))
    assert again.manifest.ids_sha256 == releases.get(c).manifest.ids_sha256
    assert releases.newest_publishable() is None, "it has to pass the checks first"
    judge(releases, again)
    newest = releases.newest_publishable()
    assert newest is not None
    assert newest.name == again.name


def test_damaged_rows_are_not_built_from(releases: Releases):
    rows = releases.list()[0].path / "vectors.f32"
    rows.write_bytes(bytes(len(rows.read_bytes())))
    with pytest.raises(ReleaseError, match="damaged too"):
        releases.rebuild(releases.list()[0].name, "mend")
