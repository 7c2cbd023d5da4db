"""Row L6, short: publications under steady questions. The full row is a benchmark's."""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.retrieval.manifest import sequence_of
from rag_pipelines_tests.chat.editions import QUESTION, Echo, edition_of, publish, releases_in
from rag_pipelines_tests.chat.service import ready, serving, until
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder

EDITIONS = 5
ASKING = 3
KEEP = 1

Told = tuple[str, int, int, set[int]]
"""Release, generation, edition of the answer, editions of its quotes."""


@pytest.mark.slow
def test_publications_under_questions_lose_and_mix_nothing(tmp_path: Path, echo: Echo):
    releases = releases_in(tmp_path, KEEP)
    names = {1: publish(releases, 1).release}
    live = LiveRelease(releases, TopicEmbedder(), lambda name: echo, poll_seconds=0.2)
    told: list[Told] = []
    errors: list[str] = []
    with serving(live) as client:
        until(lambda: ready(client, 1))
        with _asked(str(client.base_url), told, errors):
            for edition in range(2, EDITIONS + 1):
                names[edition] = publish(releases, edition).release
                until(lambda edition=edition: ready(client, edition))
                before = len(told)
                until(lambda before=before: len(told) > before + ASKING)
                releases.collect()
        left = [path.name for path in releases.root.iterdir() if sequence_of(path.name)]
    assert errors == []
    assert all(told_one == _whole(told_one, names) for told_one in told)
    assert {generation for _, generation, _, _ in told} == set(names)
    assert len(left) <= 1 + KEEP + 1, "the current, what is kept, and one that was being left"


def _whole(told: Told, names: dict[int, str]) -> Told:
    """What an answer of one version alone looks like: edition n is generation n."""
    edition = told[2]
    return names[edition], edition, edition, {edition}


class _asked:
    """Clients that ask again and again while the block runs."""

    def __init__(self, base: str, told: list[Told], errors: list[str]) -> None:
        self._stop = Event()
        ask: Callable[[], None] = lambda: _keep_asking(base, told, errors, self._stop)  # noqa: E731
        self._threads = [Thread(target=ask) for _ in range(ASKING)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _keep_asking(base: str, told: list[Told], errors: list[str], stop: Event) -> None:
    last = 0
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        while not stop.wait(0.1):
            try:
                response = client.post("/api/question", json={"question": QUESTION})
                response.raise_for_status()
            except httpx.HTTPError as error:
                errors.append(repr(error))
                continue
            said = response.json()
            if said["generation"] < last:
                errors.append(f"generation {said['generation']} after {last}")
            last = said["generation"]
            quoted = {edition_of(citation["quote"]) for citation in said["citations"]}
            told.append((said["release"], said["generation"], edition_of(said["answer"]), quoted))
