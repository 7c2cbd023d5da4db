"""Stage `swaps`: row L6 in full, twenty publications in ten minutes under twenty queries a second.

The real chat service over the ingest's index; beside it a handbook whose every passage names its
edition, so that an answer of two versions would show. Each edition is built, verified and
published as a pipeline would do it.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import httpx
import numpy as np

from benchmarks.context import Context, tell
from benchmarks.corpus import embedder_of, ingested, percentiles, spec_of
from benchmarks.ingest import environment
from benchmarks.service import serving
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import EmbeddedChunks, ModelRef
from rag_pipelines.retrieval.manifest import sequence_of
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.rows import Rows
from rag_pipelines.retrieval.verify import verify
from rag_pipelines_tests.chat.editions import QUESTION, chunks

_PER_SECOND = 20
_ASKERS = 10
_QUESTION_EVERY = 4
"""Of so many queries one is a question, and the others are searches."""
_KEEP = 1
_SETTLE_SECONDS = 60.0
_HANDBOOK = "handbook"


@dataclass(frozen=True, slots=True)
class _Reply:
    """One query: when, from which release, and the editions that its texts name."""

    began: float
    ended: float
    release: str
    editions: frozenset[int]


@dataclass
class _Heard:
    """Everything that the askers were told."""

    replies: list[_Reply] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


def run(context: Context) -> dict[str, Any]:
    editions = _Editions(context)
    editions.publish(1)
    heard, swaps, resident = _Heard(), list[tuple[float, float]](), list[int]()
    pause = context.publish_seconds / max(1, context.publishes)
    env = environment(context) | {"RAG_KEEP_RELEASES": str(_KEEP)}
    with serving(env, Path(context.work) / "serve.log") as (base, service), _asked(base, heard):
        for edition in range(2, context.publishes + 2):
            due = time.monotonic() + pause
            published = editions.publish(edition)
            swaps.append((published, _seen(base, editions.names[edition])))
            editions.releases.collect()
            resident.append(service.memory_info().rss)
            tell(f"swaps: edition {edition} served after {swaps[-1][1] - published:.1f} s")
            time.sleep(max(0.0, due - time.monotonic()))
        editions.releases.collect()
        left = [p.name for p in editions.releases.root.iterdir() if sequence_of(p.name)]
    return _figures(editions, heard, swaps, resident) | {"old_releases": len(left) - 1}


class _Editions:
    """The ingest's rows with a handbook beside them, one release an edition."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._embedder: Embedder = embedder_of(context)
        self.releases = Releases(context.home / "releases", _KEEP)
        _, rows = ingested(context)
        self._rows: Rows = rows
        self.names: dict[int, str] = {}

    def publish(self, edition: int) -> float:
        """Build, verify and publish an edition; when the pointer was replaced."""
        release = self.releases.build(
            {"site": self._site, _HANDBOOK: lambda: self._handbook(edition)},
            {"site": "site", _HANDBOOK: str(edition)},
            spec_of(self._embedder),
            f"edition {edition}",
        )
        home = self._context.home
        verdict = verify(self.releases.root, release.name, None, self._embedder.name, home)
        self.releases.record_verdict(verdict)
        self.names[edition] = release.name
        self.releases.publish(release.name, ModelRef("extractive:"), f"edition {edition}")
        return time.monotonic()

    def _site(self) -> EmbeddedChunks:
        vectors = np.asarray(self._rows.vectors)
        return EmbeddedChunks(list(self._rows), vectors, self._embedder.fingerprint)

    def _handbook(self, edition: int) -> EmbeddedChunks:
        made = chunks(edition, _HANDBOOK)
        vectors = self._embedder.encode([one.embedded_text for one in made])
        return EmbeddedChunks(made, vectors, self._embedder.fingerprint)


def _seen(base: str, release: str) -> float:
    """When the service said that it serves this release."""
    until = time.monotonic() + _SETTLE_SECONDS
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        while time.monotonic() < until:
            if client.get("/readyz").json()["release"] == release:
                return time.monotonic()
            time.sleep(0.05)
    raise RuntimeError(f"{release} was published and is not served")


@contextmanager
def _asked(base: str, heard: _Heard) -> Iterator[None]:
    """Twenty queries a second from ten clients while the block runs."""
    stop = Event()
    askers = [
        Thread(target=_keep_asking, args=(base, heard, stop, number)) for number in range(_ASKERS)
    ]
    for asker in askers:
        asker.start()
    try:
        yield
    finally:
        stop.set()
        for asker in askers:
            asker.join()


def _keep_asking(base: str, heard: _Heard, stop: Event, number: int) -> None:
    every = _ASKERS / _PER_SECOND
    due, turn = time.monotonic() + number / _PER_SECOND, number
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        while not stop.wait(max(0.0, due - time.monotonic())):
            due, turn = max(due + every, time.monotonic()), turn + 1
            _ask(client, heard, question=turn % _QUESTION_EVERY == 0)


def _ask(client: httpx.Client, heard: _Heard, question: bool) -> None:
    began = time.monotonic()
    try:
        if question:
            response = client.post("/api/question", json={"question": QUESTION})
        else:
            response = client.get("/api/search", params={"q": QUESTION})
        response.raise_for_status()
    except httpx.HTTPError as error:
        with heard.lock:
            heard.errors.append(repr(error))
        return
    ended, said = time.monotonic(), response.json()
    named = re.findall(r"edition (\d+)", response.text)
    with heard.lock:
        heard.replies.append(_Reply(began, ended, said["release"], frozenset(map(int, named))))


def _figures(
    editions: _Editions, heard: _Heard, swaps: list[tuple[float, float]], resident: list[int]
) -> dict[str, Any]:
    numbers = {name: edition for edition, name in editions.names.items()}
    mixed = [r for r in heard.replies if r.editions - {numbers.get(r.release)}]
    unnamed = sum(not reply.editions for reply in heard.replies)
    last = max(reply.ended for reply in heard.replies)
    first = min(reply.began for reply in heard.replies)
    return {
        "publishes": len(swaps),
        "queries": len(heard.replies),
        "queries_per_second": round(len(heard.replies) / (last - first), 1),
        "errors": len(heard.errors),
        "said": heard.errors[:5],
        "mixed": len(mixed),
        "replies_without_an_edition": unnamed,
        "latency": percentiles([r.ended - r.began for r in heard.replies]),
        "stall": percentiles([_stall(heard.replies, *swap) for swap in swaps]),
        "seen_after": percentiles([seen - published for published, seen in swaps]),
        "rss_first_mb": round(resident[0] / 1e6),
        "rss_last_mb": round(resident[-1] / 1e6),
        "rss_most_mb": round(max(resident) / 1e6),
    }


def _stall(replies: list[_Reply], published: float, seen: float) -> float:
    """The slowest query that was under way between the pointer's move and the service's."""
    during = [r.ended - r.began for r in replies if r.ended >= published and r.began <= seen]
    return max(during, default=0.0)
