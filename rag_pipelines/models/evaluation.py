"""What every variant is held to: questions with their passages, and text none was made of.

One set is made from a release and its golden questions and is the same for all variants. Does not
know models, nor how passages are found.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from rag_pipelines.errors import UserError
from rag_pipelines.inference.protocols import Message
from rag_pipelines.records import Chunk, Hit
from rag_pipelines.storage.artifacts import Artifact, Artifacts

_FILE = "evaluation.json"
_SHARES = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a model is asked it, what it may answer from, and what is expected."""

    question: str
    system: str
    user: str
    passages: list[str]
    expected: list[str]

    @property
    def messages(self) -> list[Message]:
        return [Message("system", self.system), Message("user", self.user)]

    @property
    def hits(self) -> list[Hit]:
        """The passages as a search finds them, for grounding."""
        return [
            Hit(Chunk(id=str(rank), source="", url="", title="", heading="", text=text, tokens=0),
                1.0, rank)
            for rank, text in enumerate(self.passages, 1)
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Questions, held-out texts, and the release that both are from."""

    release: str
    questions: list[Asked]
    texts: list[str]

    def kept(self, artifacts: Artifacts) -> Artifact:
        """The set in the artifact store: its digest is part of every measurement."""
        written = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        recipe = {"evaluation": sha256(written.encode()).hexdigest()}
        return artifacts.make(recipe, lambda room: (room / _FILE).write_text(written))

    @classmethod
    def read(cls, folder: Path) -> "EvaluationSet":
        """The set that `kept` wrote."""
        told = json.loads((folder / _FILE).read_text())
        questions = [Asked(**question) for question in told["questions"]]
        return cls(told["release"], questions, told["texts"])


def is_held_out(url: str, seed: int) -> bool:
    """Whether a page is for evaluation: one in five, by its address alone.

    What models learn from is the other four, so that nothing of a page leaks.
    """
    return int(sha256(f"{seed}\0{url}".encode()).hexdigest(), 16) % _SHARES == 0


def held_out_texts(chunks: Iterable[Chunk], seed: int, characters: int) -> list[str]:
    """Texts of the held-out pages, a page each, in an order of their own, up to so many characters.

    A corpus of so few pages that none is held out gives all of them. Raises `UserError` where
    there is no text at all.
    """
    pages = dict(_pages(chunks))
    held = [url for url in pages if is_held_out(url, seed)] or list(pages)
    held.sort(key=lambda url: sha256(f"order\0{seed}\0{url}".encode()).digest())
    texts: list[str] = []
    for url in held:
        if sum(map(len, texts)) >= characters:
            break
        texts.append(pages[url][:characters])
    if not any(texts):
        raise UserError("The release holds no text to measure models on; run: rag ingest --all")
    return texts


def _pages(chunks: Iterable[Chunk]) -> Iterator[tuple[str, str]]:
    ordered = sorted(chunks, key=lambda chunk: (chunk.url, chunk.position))
    for url, group in groupby(ordered, key=lambda chunk: chunk.url):
        yield url, "\n".join(chunk.text for chunk in group)
