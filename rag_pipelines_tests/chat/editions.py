"""A handbook in numbered editions, published as releases; and a generator to answer from it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Event

from rag_pipelines.chat.answer import Question, Version
from rag_pipelines.chat.answer import answer as answer_to
from rag_pipelines.chat.events import Answer
from rag_pipelines.inference.protocols import Prompt
from rag_pipelines.records import Chunk, EmbeddedChunks, ModelRef, Trial
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.publish import Pointer
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines_tests.retrieval.corpus import SPEC, TopicEmbedder, judge

QUESTION = "How many years the warranty of the kettle lasts?"
FAKE = ModelRef("fake:echo", "e" * 64)

_FACTS = {
    "warranty": "The warranty of the kettle lasts {years} years in edition {edition}.",
    "shipping": "Parcels to islands travel by ferry and take eleven days, says edition {edition}.",
    "batteries": "Spent batteries go back to the shop, as edition {edition} asks.",
    "returns": "Unopened returns are refunded within thirty days under edition {edition}.",
    "firmware": "New firmware is installed over a cable, edition {edition} explains.",
}


def chunks(edition: int, source: str = "handbook") -> list[Chunk]:
    return [_chunk(topic, fact, edition, source) for topic, fact in _FACTS.items()]


def _chunk(topic: str, fact: str, edition: int, source: str) -> Chunk:
    text = fact.format(edition=edition, years=edition + 1)
    return Chunk(
        id=sha256(f"{source} {text}".encode()).hexdigest()[:32],
        source=source,
        url=f"http://127.0.0.1/{source}/{topic}.html",
        title=topic.title(),
        heading="",
        text=text,
        tokens=len(text.split()),
    )


def build(releases: Releases, edition: int) -> Release:
    """Build an edition and let it pass its checks."""
    rows = chunks(edition) + chunks(edition, "appendix")[:1]
    parts = {s: [row for row in rows if row.source == s] for s in ("handbook", "appendix")}
    versions = {source: f"{edition:016d}" for source in parts}
    embedded = {source: lambda mine=mine: _embedded(mine) for source, mine in parts.items()}
    return judge(releases, releases.build(embedded, versions, SPEC, f"run-{edition}"))


def _embedded(rows: list[Chunk]) -> EmbeddedChunks:
    embedder = TopicEmbedder()
    vectors = embedder.encode([row.embedded_text for row in rows])
    return EmbeddedChunks(rows, vectors, embedder.fingerprint)


def publish(
    releases: Releases, edition: int, model: ModelRef = FAKE, trial: Trial | None = None
) -> Pointer:
    """Build an edition where it is not built yet, and point to it."""
    return releases.publish(build(releases, edition).name, model, f"edition {edition}", trial)


def answer(question: Question, version: Version) -> Answer:
    """An answer, waited for."""
    return asyncio.run(answer_to(question, version))


def edition_of(text: str) -> int:
    """The edition that an answer or a quote names."""
    return int(text.split("edition ")[1].split()[0].rstrip(".,"))


def damage(release: Release) -> None:
    """Cut the vector graph's files short, as a failing disk would."""
    for path in release.path.glob("chroma/*/*.bin"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    store = release.path / "chroma" / "chroma.sqlite3"
    store.write_bytes(b"not a database" + store.read_bytes()[14:4000])


@dataclass
class Echo:
    """Writes the best passage's words, or what it was told to; can wait, and can fail.

    `rewrites` is what it makes of a follow-up; without it it cannot be asked to.
    """

    name: str = FAKE.name
    digest: str = FAKE.digest
    context_tokens: int = 4096
    slots: int = 4
    says: str | None = None
    rewrites: str | None = None
    fails: Exception | None = None
    fails_after: int = 0
    pause: float = 0.0
    piece: int = 7
    started: Event = field(default_factory=Event)
    goes_on: Event | None = None
    prompts: list[Prompt] = field(default_factory=list[Prompt])
    running: int = 0
    most_running: int = 0

    @property
    def follows_instructions(self) -> bool:
        return self.rewrites is not None

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def stream(self, prompt: Prompt, max_tokens: int) -> AsyncGenerator[str]:
        self.prompts.append(prompt)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            async for piece in self._pieces(prompt):
                yield piece
        finally:
            self.running -= 1

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[str]:
        self.started.set()
        while self.goes_on is not None and not self.goes_on.is_set():
            await asyncio.sleep(0.01)
        for number, start in enumerate(range(0, len(text := self._text(prompt)), self.piece)):
            if self.fails is not None and number == self.fails_after:
                raise self.fails
            yield text[start : start + self.piece]
            await asyncio.sleep(self.pause)
        if self.fails is not None:
            raise self.fails

    def _text(self, prompt: Prompt) -> str:
        if not prompt.hits:
            return self.rewrites or ""
        return prompt.hits[0].chunk.text if self.says is None else self.says


def releases_in(folder: Path, keep: int = 3) -> Releases:
    return Releases(folder / "releases", keep)
