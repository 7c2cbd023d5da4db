"""Killed with -9 at every step of a release's life (row F1), and writers that meet (F16)."""

import shutil
from pathlib import Path

import pytest

from rag_pipelines.errors import ReleaseError
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.index import open_index
from rag_pipelines.retrieval.manifest import expected_digest
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.retrieval.corpus import SPEC, build, first, good, versions
from rag_pipelines_tests.retrieval.processes import run_until_killed, running, start

MODEL = ModelRef("extractive:")
NEW = first(400)
BUILD = "build(releases, first(400))"

AT_STAGE = """
def progress(stage, done, total):
    if stage == sys.argv[2]:
        die()
chunks = first(400)
releases.build(parts(chunks), versions(chunks), SPEC, "killed", progress)
"""
AT_PERSIST = f"""
releases.collect()  # what was killed before must not be taken for this build
def watch():
    while not list(releases.root.glob(".tmp-*/chroma/*/" + sys.argv[2])):
        time.sleep(0.0002)
    die()
threading.Thread(target=watch, daemon=True).start()
{BUILD}
"""
AT_FILE = """
def audit(event, arguments):
    global seen
    if event == "os.rename" and str(arguments[1]).endswith(sys.argv[2]):
        if sys.argv[3] == "before":
            die()
        seen = True
    elif seen and event == "open":
        die()
seen = False
sys.addaudithook(audit)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published release of 40 rows, and a good one before it."""
    releases = Releases(tmp_path_factory.mktemp("served") / "releases")
    for count in (39, 40):
        releases.publish(good(releases, first(count)).name, MODEL, "served")
    return releases.root


@pytest.fixture
def releases(served: Path, tmp_path: Path) -> Releases:
    shutil.copytree(served, tmp_path / "releases")
    return Releases(tmp_path / "releases", keep=1)


def assert_serves(releases: Releases, rows: int) -> None:
    """The pointer names a release that opens and holds what its manifest says."""
    pointer = releases.current()
    assert pointer is not None
    index = open_index(releases.get(pointer.release).path)
    assert (index.count(), index.manifest.rows) == (rows, rows)
    assert index.search(index.rows.vectors[7], 1)[0][0] == 7
    index.close()


def assert_next_run_publishes(releases: Releases, sequences: set[int]) -> None:
    release = good(releases, NEW)
    assert release.sequence in sequences
    releases.publish(release.name, MODEL, "next run")
    assert_serves(releases, 400)
    releases.collect()
    assert not list(releases.root.glob("**/.tmp-*"))


KILLS = [
    *((AT_STAGE, stage) for stage in ("rows", "vectors", "lexical", "sync", "rename")),
    *((AT_PERSIST, name) for name in ("header.bin", "data_level0.bin", "link_lists.bin")),
    (AT_PERSIST, "index_metadata.pickle"),
]


def test_builds_killed_at_any_step_leave_what_is_served_and_the_next_run_publishes(
    releases: Releases,
):
    for program, step in KILLS:
        run_until_killed(program, releases.root, step)
        assert releases.find(expected_digest(versions(NEW), SPEC)) is None, step
        assert_serves(releases, 40)
    assert_next_run_publishes(releases, {3 + len(KILLS)})


def test_a_build_killed_after_its_rename_is_not_built_again(releases: Releases):
    run_until_killed(AT_STAGE, releases.root, "built")
    assert_serves(releases, 40)
    assert releases.needs_build(expected_digest(versions(NEW), SPEC))
    assert_next_run_publishes(releases, {3})


def test_the_writing_process_ends_with_a_killed_builder(releases: Releases):
    program = """
def progress(stage, done, total):
    if stage == "rows":
        os.kill(os.getpid(), signal.SIGKILL)  # this process alone
chunks = first(400)
releases.build(parts(chunks), versions(chunks), SPEC, "killed", progress)
"""
    run_until_killed(program, releases.root)
    assert_next_run_publishes(releases, {4})


@pytest.mark.parametrize(("moment", "generation"), [("before", 2), ("after", 3)])
def test_killed_at_the_pointers_replacement_it_is_the_old_or_the_new(
    releases: Releases, moment: str, generation: int
):
    program = AT_FILE + 'releases.publish(releases.list()[0].name, ModelRef("other"), "killed")'
    run_until_killed(program, releases.root, "current.json", moment)
    pointer = releases.current()
    assert pointer is not None
    assert pointer.generation == generation
    assert_serves(releases, 40 if moment == "before" else 39)
    after = releases.publish(releases.list()[0].name, ModelRef("third"), "next run")
    assert after.generation > generation
    assert_serves(releases, 39)
    releases.collect()
    assert not list(releases.root.glob("**/.tmp-*"))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_a_verdict_the_next_run_judges_again_or_knows(releases: Releases, moment: str):
    program = AT_FILE + "judge(releases, releases.list()[1], golden='2')"
    digest = releases.list()[1].digest
    run_until_killed(program, releases.root, f"{digest}.json", moment)
    verdict = releases.verdict(digest)
    assert verdict is not None
    assert verdict.golden == ("2" if moment == "after" else "")
    assert_serves(releases, 40)


def test_a_writer_that_dies_of_a_native_crash_is_one_failed_build(releases: Releases):
    crashing = Releases(releases.root, writer="rag_pipelines_tests.retrieval.crashes.sigsegv")
    with pytest.raises(ReleaseError, match="SIGSEGV"):
        build(crashing, NEW)
    assert_serves(releases, 40)
    assert not list(releases.root.glob(".tmp-*"))


def test_of_two_builders_one_wins_and_the_other_is_told(releases: Releases):
    program = BUILD.replace("build", "release = build") + "; print(release.name)"
    both = [start(program, releases.root) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert sum(b"ReleaseLocked" in errors for _, errors in told) == 1
    assert [release.sequence for release in releases.list()] == [1, 2, 3]


def test_publishers_at_once_take_turns_and_readers_see_every_pointer_whole(releases: Releases):
    program = """
print("ready", flush=True)
names = [release.name for release in releases.list()]
for turn in range(40):
    releases.publish(names[turn % 2], ModelRef(sys.argv[2], str(turn)), "turn")
"""
    seen: list[int] = []
    both = [start(program, releases.root, name) for name in ("one", "two")]
    while any(process.poll() is None for process in both):
        pointer = releases.current()
        assert pointer is not None
        seen.append(pointer.generation)
    for process in both:
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()
    assert seen == sorted(seen)
    last = releases.current()
    assert last is not None
    assert last.generation == 2 + 80


def test_a_publisher_does_not_wait_for_a_build(releases: Releases):
    program = """
def progress(stage, done, total):
    print("building", flush=True)
    time.sleep(600)
chunks = first(400)
releases.build(parts(chunks), versions(chunks), SPEC, "slow", progress)
"""
    with running(program, releases.root):
        assert releases.rollback().generation == 3
        assert releases.collect() == []
    assert_serves(releases, 39)
