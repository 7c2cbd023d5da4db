import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from rag_pipelines.chat.answer import Question
from rag_pipelines.chat.live import LiveRelease, NoRelease, UnknownRelease
from rag_pipelines.errors import ModelUnavailable
from rag_pipelines.inference.protocols import Generator
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.leases import leased_releases
from rag_pipelines.retrieval.publish import CURRENT
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import (
    FAKE,
    QUESTION,
    Echo,
    answer,
    damage,
    edition_of,
    publish,
)
from rag_pipelines_tests.chat.service import until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder


@pytest.fixture
def following(releases: Releases, echo: Echo) -> Iterator[LiveRelease]:
    """Follows on its own, with polls too rare to matter: it hears of a publication or does not."""
    live = LiveRelease(releases, TopicEmbedder(), lambda name: echo, poll_seconds=3600)
    live.start()
    yield live
    live.stop()


def _asked(live: LiveRelease) -> tuple[int, int]:
    """Generation and edition of an answer given now."""
    with live.taken() as served:
        told = answer(Question(text=QUESTION), served.version)
    assert told.release == served.release.name
    return told.generation, edition_of(told.answer)


def _leased(releases: Releases) -> set[str]:
    return leased_releases(releases.root / "leases")


def test_before_the_first_publication_there_is_nothing_to_answer_from(live: LiveRelease):
    with pytest.raises(NoRelease, match="being opened"), live.taken():
        pass
    live.step()
    assert live.health().status == "unready"
    with pytest.raises(NoRelease, match="rag ingest"), live.taken():
        pass


def test_a_publication_is_served_and_leased(live: LiveRelease, releases: Releases):
    pointer = publish(releases, 1)
    live.step()
    assert live.health().status == "ok"
    assert _asked(live) == (1, 1)
    assert _leased(releases) == {pointer.release}
    live.stop()
    assert _leased(releases) == set()


def test_a_question_under_way_ends_on_the_version_that_it_began_with(
    live: LiveRelease, releases: Releases, echo: Echo
):
    old = publish(releases, 1).release
    live.step()
    echo.goes_on, echo.started = Event(), Event()
    told: list[tuple[int, int]] = []
    asking = Thread(target=lambda: told.append(_asked(live)))
    asking.start()
    assert echo.started.wait(30)
    new = publish(releases, 2).release
    live.step()
    assert live.health().generation == 2
    assert _leased(releases) == {old, new}
    echo.goes_on.set()
    asking.join()
    assert told == [(1, 1)]
    assert _leased(releases) == {new}, "the old one was closed by its last question"
    assert _asked(live) == (2, 2)


def test_a_rollback_is_a_higher_generation_of_an_older_release(
    live: LiveRelease, releases: Releases
):
    for edition in (1, 2):
        publish(releases, edition)
    live.step()
    assert _asked(live) == (2, 2)
    releases.rollback()
    live.step()
    assert _asked(live) == (3, 1)


def test_an_older_pointer_file_is_not_followed(live: LiveRelease, releases: Releases):
    publish(releases, 1)
    old = (releases.root / CURRENT).read_bytes()
    publish(releases, 2)
    live.step()
    (releases.root / CURRENT).write_bytes(old)
    live.step(noticed=True)
    assert _asked(live) == (2, 2)
    assert "went back" in live.health().reason
    publish(releases, 3)
    live.step()
    assert (_asked(live), live.health().status) == ((3, 3), "ok")


def test_a_damaged_pointer_leaves_what_is_served(live: LiveRelease, releases: Releases):
    publish(releases, 1)
    live.step()
    for written in (b"", b"{", b"[]", b'{"generation": 9}'):
        (releases.root / CURRENT).write_bytes(written)
        live.step()
        assert live.health().status == "degraded"
        assert "current.json is damaged" in live.health().reason
    assert _asked(live) == (1, 1)


def test_a_release_that_fails_to_load_leaves_the_old_one_serving(
    live: LiveRelease, releases: Releases
):
    publish(releases, 1)
    live.step()
    pointer = publish(releases, 2)
    damage(releases.get(pointer.release))
    live.step()
    assert _asked(live) == (1, 1)
    assert live.health().status == "degraded"
    assert pointer.release in live.health().reason
    live.step()
    assert live.failures == 1, "a release that failed is left alone for a while"
    publish(releases, 3)
    live.step()
    assert (_asked(live), live.health().status) == ((3, 3), "ok")


def test_at_start_a_damaged_release_gives_way_to_the_best_before_it(
    live: LiveRelease, releases: Releases, tmp_path: Path
):
    for edition in (1, 2, 3):
        pointer = publish(releases, edition)
    whole = releases.get(pointer.release).path
    shutil.copytree(whole, tmp_path / "whole")
    damage(releases.get(pointer.release))
    live.step()
    assert _asked(live) == (0, 2), "generation 0: the pointer does not name it"
    assert live.health().status == "degraded"
    shutil.rmtree(whole)
    shutil.copytree(tmp_path / "whole", whole)
    live.step(noticed=True)
    assert (_asked(live), live.health().status) == ((3, 3), "ok")


def test_an_index_of_another_embedder_is_refused_and_the_old_one_kept(
    live: LiveRelease, releases: Releases, echo: Echo
):
    publish(releases, 1)
    other = TopicEmbedder(fingerprint="a" * 64)
    refusing = LiveRelease(releases, other, lambda name: echo)
    refusing.step()
    assert refusing.health().status == "unready"
    assert "RAG_EMBEDDER" in refusing.health().reason
    refusing.stop()


def test_the_pointers_model_is_loaded_once_and_anew_when_it_changes(releases: Releases):
    loaded: list[str] = []

    def load(model: ModelRef) -> Generator:
        loaded.append(model.name)
        return Echo(name=model.name or "fake:default")

    live = LiveRelease(releases, TopicEmbedder(), load)
    for edition, model in ((1, FAKE), (2, FAKE), (3, ModelRef("fake:other")), (2, ModelRef(""))):
        publish(releases, edition, model)
        live.step()
    assert loaded == ["fake:echo", "fake:other", ""]
    with live.taken() as served:
        assert served.version.generator.name == "fake:default"
    live.stop()


def test_a_model_that_fails_to_load_leaves_the_old_version_whole(releases: Releases):
    def load(model: ModelRef) -> Generator:
        if model == FAKE:
            return Echo()
        raise ModelUnavailable("no such file")

    live = LiveRelease(releases, TopicEmbedder(), load)
    publish(releases, 1)
    live.step()
    publish(releases, 2, ModelRef("fake:lost"))
    live.step()
    assert _asked(live) == (1, 1), "release and model move together or not at all"
    assert "fake:lost" in live.health().reason
    live.stop()


def test_without_a_model_at_start_search_works_and_questions_say_why(
    releases: Releases, echo: Echo
):
    there = Event()

    def load(model: ModelRef) -> Generator:
        if there.is_set():
            return echo
        raise ModelUnavailable("install the model")

    live = LiveRelease(releases, TopicEmbedder(), load)
    publish(releases, 1)
    live.step()
    assert live.health().status == "degraded"
    with live.taken() as served:
        assert served.version.retriever.search(QUESTION, 1)
    with pytest.raises(ModelUnavailable, match="install the model"):
        _asked(live)
    there.set()
    live.step(noticed=True)
    assert (_asked(live), live.health().status) == ((1, 1), "ok")
    live.stop()


def test_a_good_release_may_be_asked_by_name_and_no_other(live: LiveRelease, releases: Releases):
    first = publish(releases, 1).release
    away = publish(releases, 2).release
    releases.rollback(first)
    newest = publish(releases, 3).release
    live.step()
    with live.taken(first) as served:
        told = answer(Question(text=QUESTION), served.version)
    assert (told.release, told.generation, edition_of(told.answer)) == (first, 0, 1)
    with live.taken(newest) as served:
        assert served.release.name == newest
    for unknown in (away, "v000099-000000000000"):
        with pytest.raises(UnknownRelease, match=newest), live.taken(unknown):
            pass
    assert _leased(releases) == {newest}


# F7: notices are hints. Lost, repeated or late, the pointer file is what counts.


def test_a_lost_notice_is_made_up_for_by_the_next_poll(live: LiveRelease, releases: Releases):
    live.start()
    for edition in (1, 2):
        publish(releases, edition)
        until(lambda edition=edition: live.health().generation == edition)
    assert _asked(live) == (2, 2)


def test_a_notice_five_times_over_opens_the_release_once(
    following: LiveRelease, releases: Releases
):
    pointer = publish(releases, 1)
    for _ in range(5):
        following.reload()
    until(lambda: following.health().generation == 1)
    with following.taken() as served:
        for _ in range(5):
            following.reload()
        publish(releases, 2)
        following.reload()
        until(lambda: following.health().generation == 2)
        assert served.release.name == pointer.release
    assert _asked(following) == (2, 2)
    assert following.failures == 0


def test_notices_out_of_order_never_take_the_generation_back(
    following: LiveRelease, releases: Releases
):
    late: list[int] = []
    seen: list[int] = []
    for edition in (1, 2, 3):
        late.append(publish(releases, edition).generation)
    for _ in reversed(late):  # a notice says nothing but that one may look
        following.reload()
        until(lambda: following.health().generation == 3)
        seen.append(following.health().generation)
    assert seen == [3, 3, 3]
    releases.rollback()
    following.reload()
    until(lambda: following.health().generation == 4)
    assert _asked(following) == (4, 2)
