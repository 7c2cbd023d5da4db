"""A small corpus with clustered vectors, and a deterministic embedder that fits it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.inference.unit_embedder import UnitEmbedder
from rag_pipelines.records import Chunk, EmbeddedChunks
from rag_pipelines.retrieval.manifest import IndexSpec, Release
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.verdicts import CHECKS, CheckResult, Verdict

DIMENSION = 32
TOPICS = ("warranty", "shipping", "returns", "batteries", "firmware", "invoices", "privacy", "jobs")
SPEC = IndexSpec(embedder="fake:topics", fingerprint="f" * 64, dimension=DIMENSION)


class WordCounter:
    fingerprint = "words"

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return []


@dataclass
class TopicEmbedder:
    """Texts with the same words lie near each other: a sum of one random vector a word."""

    name: str = SPEC.embedder
    fingerprint: str = SPEC.fingerprint
    dimension: int = DIMENSION
    max_tokens: int = 256
    tokenizer: WordCounter = field(default_factory=WordCounter)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._one(text) for text in texts])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.encode(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self._one(text).tolist()

    def _one(self, text: str) -> NDArray[np.float32]:
        total = np.sum([_word(word, self.dimension) for word in text.lower().split()], axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)


class Counting(UnitEmbedder):
    """The topics' embedder, with what it was asked for."""

    def __init__(self) -> None:
        self._topics = TopicEmbedder()
        self.name, self.fingerprint = self._topics.name, self._topics.fingerprint
        self.dimension, self.max_tokens = self._topics.dimension, self._topics.max_tokens
        self.tokenizer = self._topics.tokenizer
        self.asked: list[list[str]] = []

    def _compute(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.append(list(texts))
        return self._topics.encode(texts)

    def _compute_query(self, text: str) -> NDArray[np.float32]:
        return self._topics.encode([f"query {text}"])


def _word(word: str, dimension: int) -> NDArray[np.float64]:
    seed = int.from_bytes(sha256(word.encode()).digest()[:4])
    return np.random.default_rng(seed).standard_normal(dimension)


def chunk(number: int, source: str = "site", edition: str = "first") -> Chunk:
    topic = TOPICS[number % len(TOPICS)]
    text = f"{topic} passage {number} of the {edition} edition"
    return Chunk(
        id=sha256(f"{source} {text}".encode()).hexdigest()[:32],
        source=source,
        url=f"http://127.0.0.1/{topic}/{number}.html",
        title=topic.title(),
        heading=f"{topic} > part {number}",
        text=text,
        tokens=len(text.split()),
        page=number if number % 2 else None,
    )


def embedded(chunks: list[Chunk]) -> EmbeddedChunks:
    embedder = TopicEmbedder()
    vectors = embedder.encode([c.embedded_text for c in chunks])
    return EmbeddedChunks(chunks, vectors, embedder.fingerprint)


Parts = dict[str, Callable[[], EmbeddedChunks]]


def parts(chunks: list[Chunk]) -> Parts:
    by_source: dict[str, list[Chunk]] = {}
    for one in chunks:
        by_source.setdefault(one.source, []).append(one)
    return {source: lambda mine=mine: embedded(mine) for source, mine in by_source.items()}


def versions(chunks: list[Chunk]) -> dict[str, str]:
    by_source: dict[str, list[str]] = {}
    for one in chunks:
        by_source.setdefault(one.source, []).append(repr(one))
    return {s: sha256("".join(sorted(m)).encode()).hexdigest()[:16] for s, m in by_source.items()}


def build(releases: Releases, chunks: list[Chunk], run: str = "run") -> Release:
    return releases.build(parts(chunks), versions(chunks), SPEC, run)


def judge(releases: Releases, release: Release, golden: str = "", **failed: bool) -> Release:
    """Record a verdict as the checks would: all passed but those named False."""
    checks = {name: CheckResult(failed.get(name, True), {"of": name}) for name in CHECKS}
    verdict = Verdict(release=release.name, digest=release.digest, golden=golden, checks=checks)
    releases.record_verdict(verdict)
    return releases.get(release.name)


def good(releases: Releases, chunks: list[Chunk]) -> Release:
    """Build a release and let it pass."""
    return judge(releases, build(releases, chunks))


def first(count: int = 40) -> list[Chunk]:
    return [chunk(number) for number in range(count)]


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
