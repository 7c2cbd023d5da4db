"""Retrieval measured on a set with judgements, through the same code that serves.

Builds an index of its own in a temporary directory with the corpus's chunking and embedding and
the release's files. Does not touch any release, and measures retrieval only, not answers.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rag_pipelines.corpus.chunking import chunk_pages, splitter_for
from rag_pipelines.corpus.embedding import embed_chunks
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import Chunk, EmbeddedChunks, Page, Progress, no_progress
from rag_pipelines.retrieval.conversation import joined
from rag_pipelines.retrieval.dataset import Dataset, Document, load_dataset
from rag_pipelines.retrieval.evaluation_turns import TurnsReport, turns_report
from rag_pipelines.retrieval.fusion import LEXICAL_WEIGHT
from rag_pipelines.retrieval.manifest import IndexSpec
from rag_pipelines.retrieval.metrics import measured
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.sources import Chunking

_SOURCE = "evaluation"
_CHUNKS = 100
"""Chunks asked for, so that at least twenty documents come out of them."""


@dataclass(frozen=True, slots=True)
class EvalReport:
    """What `rag eval` prints. `queries` counts those with judgements; `metrics` are 0 to 1."""

    dataset: str
    queries: int
    metrics: dict[str, float]
    settings: dict[str, str | int | float]
    conversations: TurnsReport | None = None
    """Follow-ups with their conversation against without; None where the set has none."""


def evaluate(
    folder: Path,
    embedder: Embedder,
    chunking: Chunking | None = None,
    progress: Progress = no_progress,
) -> EvalReport:
    """Measure retrieval on the set in `folder`; a document scores as its best chunk.

    Raises `ConfigError` where the set is not in BEIR's layout.
    """
    chunking = chunking or Chunking()
    data = load_dataset(folder)
    chunks = _chunks(data.documents, chunking, embedder)
    embedded, _ = embed_chunks(chunks, embedder, None, progress)
    with _indexed(embedded, embedder, progress) as retriever:
        run = _run(data, retriever, progress)
        turns = turns_report(data, run, lambda text: retriever.search(text, _CHUNKS))
    settings = _settings(data, embedded, embedder, chunking)
    return EvalReport(str(folder), len(run), measured(data.judgements, run), settings, turns)


def _chunks(documents: list[Document], chunking: Chunking, embedder: Embedder) -> list[Chunk]:
    splitter = splitter_for(chunking, embedder)
    pages = (
        Page(source=_SOURCE, url=document.id, title=document.title, text=document.text)
        for document in documents
    )
    return list(chunk_pages(pages, splitter))


@contextmanager
def _indexed(
    embedded: EmbeddedChunks, embedder: Embedder, progress: Progress
) -> Generator[Retriever]:
    """A retriever over an index that is gone afterwards."""
    spec = IndexSpec(
        embedder=embedder.name, fingerprint=embedder.fingerprint, dimension=embedder.dimension
    )
    with TemporaryDirectory(prefix="rag-eval-") as folder:
        release = Releases(Path(folder)).build(
            {_SOURCE: lambda: embedded}, {_SOURCE: _SOURCE}, spec, _SOURCE, progress
        )
        retriever = Retriever.open(release.path, embedder)
        try:
            yield retriever
        finally:
            retriever.close()


def _run(data: Dataset, retriever: Retriever, progress: Progress) -> dict[str, list[str]]:
    """Documents of each query, in the order of their best chunks."""
    run: dict[str, list[str]] = {}
    for done, (key, text) in enumerate(data.queries.items(), 1):
        searched = joined(text, data.asked[key].earlier)
        urls = [hit.chunk.url for hit in retriever.search(searched, _CHUNKS)]
        run[key] = list(dict.fromkeys(urls))
        progress("queries", done, len(data.queries))
    return run


def _settings(
    data: Dataset, embedded: EmbeddedChunks, embedder: Embedder, chunking: Chunking
) -> dict[str, str | int | float]:
    return {
        "embedder": embedder.name,
        "fingerprint": embedder.fingerprint,
        "chunking": chunking.strategy,
        "max_tokens": min(chunking.max_tokens, embedder.max_tokens),
        "documents": len(data.documents),
        "chunks": len(embedded.chunks),
        "lexical_weight": LEXICAL_WEIGHT,
    }
