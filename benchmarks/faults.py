"""Stage `faults`: row F1 in full, the index writer killed with -9 at each step, ten times each.

The kills are those of the tests; here a chat service is asked all the while, and after each kill
a fresh process opens what is served and the next run publishes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, cast

from benchmarks.context import Context, tell
from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import Chunk, ModelRef
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.chat.editions import Echo
from rag_pipelines_tests.chat.service import serving
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder, chunk, good
from rag_pipelines_tests.retrieval.processes import run_until_killed, start
from rag_pipelines_tests.retrieval.test_faults import AT_FILE, AT_STAGE, KILLS

_ROWS = 400
_CHUNKS = "first(400)"
_OPENS = """
from rag_pipelines.retrieval.index import open_index
index = open_index(releases.get(releases.current().release).path)
assert index.count() == index.manifest.rows == len(index.rows)
assert index.search(index.rows.vectors[7], 1)[0][0] == 7
"""
_VERIFY = """
from rag_pipelines.retrieval.verify import verify
release = build(releases, first(400))
threading.Timer(float(sys.argv[2]), die).start()
module = "rag_pipelines_tests.retrieval.verifier"
while True:
    verify(releases.root, release.name, None, SPEC.embedder, releases.root, verifier=module)
"""
_PUBLISH = (
    AT_FILE
    + """
release = good(releases, first(400))
releases.publish(release.name, ModelRef("fake"), "killed")
"""
)
_JUDGE = AT_FILE + "good(releases, first(400))"


@dataclass
class _Tally:
    """What was seen of one step's kills."""

    kills: int = 0
    harmed: list[str] = field(default_factory=list)


@dataclass
class _Chat:
    """What a steady asker was told."""

    asked: int = 0
    errors: list[str] = field(default_factory=list)


Kill = Callable[[str, Path, int], None]


def _steps() -> Iterator[tuple[str, Kill]]:
    """Name of each step, and what kills a run of the given chunks there."""
    for program, step in (*KILLS, (AT_STAGE, "built")):
        yield step, partial(_killed, program, [step])
    for moment in ("before", "after"):
        yield f"verdict, {moment}", partial(_killed, _JUDGE, [".json", moment])
        yield f"pointer, {moment}", partial(_killed, _PUBLISH, ["current.json", moment])
    yield (
        "verify",
        lambda chunks, root, turn: run_until_killed(
            _VERIFY.replace(_CHUNKS, chunks), root, str(0.3 + 0.2 * turn)
        ),
    )


def _killed(program: str, arguments: list[str], chunks: str, root: Path, turn: int) -> None:
    run_until_killed(program.replace(_CHUNKS, chunks), root, *arguments)


def run(context: Context) -> dict[str, Any]:
    releases = Releases(Path(context.work) / "faults", keep=1)
    _publish(releases, good(releases, _edition("begin")))
    tallies: dict[str, _Tally] = {}
    with _asked(releases) as chat:
        for step, kill in _steps():
            tallies[step] = _Tally()
            for turn in range(context.repetitions):
                tallies[step].kills += 1
                tallies[step].harmed += _harm(releases, kill, f"{step} {turn}", turn)
            tell(f"faults: {step}: {tallies[step].kills} kills, harm {tallies[step].harmed}")
    return {
        "kills": sum(tally.kills for tally in tallies.values()),
        "harmed": sum(len(tally.harmed) for tally in tallies.values()),
        "steps": {s: {"kills": t.kills, "harmed": t.harmed} for s, t in tallies.items()},
        "chat_asked": chat.asked,
        "chat_errors": len(chat.errors),
        "chat_said": chat.errors[:5],
    }


def _edition(name: str) -> list[Chunk]:
    """Chunks that no other edition has, so that the index is made from nothing."""
    return [chunk(number, edition=name) for number in range(_ROWS)]


def _harm(releases: Releases, kill: Kill, edition: str, turn: int) -> list[str]:
    """Kill a run, then look at what is left; what was found wrong."""
    chunks = f"[chunk(number, edition={edition!r}) for number in range({_ROWS})]"
    try:
        kill(chunks, releases.root, turn)
        opened = start(_OPENS, releases.root)
        _, errors = opened.communicate()
        if opened.returncode:
            return [f"what is served does not open: {errors.decode()[-300:]}"]
        _publish(releases, good(releases, _edition(edition)))
        releases.collect()
        return [f"left behind: {path.name}" for path in releases.root.glob("**/.tmp-*")]
    except Exception as error:  # whatever it is, it is the finding
        return [f"{type(error).__name__}: {error}"[:300]]


def _publish(releases: Releases, release: Release) -> None:
    releases.publish(release.name, ModelRef("fake:echo"), "next run")


@contextmanager
def _asked(releases: Releases) -> Iterator[_Chat]:
    """A chat service over the releases, asked five times a second while the block runs."""
    chat, stop = _Chat(), Event()
    echo, embedder = Echo(), cast("Embedder", TopicEmbedder())
    live = LiveRelease(releases, embedder, lambda name: echo, poll_seconds=0.2)
    with serving(live) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.1)

        def ask() -> None:
            while not stop.wait(0.2):
                chat.asked += 1
                answer = client.get("/api/search", params={"q": "warranty passage"})
                if answer.status_code != 200 or not answer.json()["results"]:
                    chat.errors.append(answer.text[:300])

        asker = Thread(target=ask)
        asker.start()
        try:
            yield chat
        finally:
            stop.set()
            asker.join()
