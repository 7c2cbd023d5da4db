"""The example site, indexed once with the real extraction, chunker, embedder and Chroma."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_pipelines.corpus.chunking import chunk_pages, splitter_for
from rag_pipelines.corpus.embedding import embed_chunks
from rag_pipelines.corpus.extract import extract
from rag_pipelines.inference.embedders import load_embedder
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import EmbeddedChunks, Page
from rag_pipelines.retrieval.manifest import IndexSpec
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.sources import Chunking

SITE = Path(__file__).parents[2] / "examples" / "site"
ADDRESS = "http://127.0.0.1:8765"


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return load_embedder("onnx:minilm", tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def site_chunks(embedder: Embedder) -> EmbeddedChunks:
    pages = [_page(path) for path in sorted(SITE.glob("*.html"))]
    splitter = splitter_for(Chunking(), embedder)
    return embed_chunks(chunk_pages(pages, splitter), embedder, None)[0]


@pytest.fixture(scope="session")
def site_release(
    tmp_path_factory: pytest.TempPathFactory, site_chunks: EmbeddedChunks, embedder: Embedder
) -> Path:
    spec = IndexSpec(
        embedder=embedder.name, fingerprint=embedder.fingerprint, dimension=embedder.dimension
    )
    releases = Releases(tmp_path_factory.mktemp("releases"))
    return releases.build({"probe": lambda: site_chunks}, {"probe": "1"}, spec, "test").path


@pytest.fixture(scope="session")
def site(site_release: Path, embedder: Embedder) -> Iterator[Retriever]:
    retriever = Retriever.open(site_release, embedder)
    yield retriever
    retriever.close()


def _page(path: Path) -> Page:
    url = f"{ADDRESS}/{path.name}"
    read = extract(path.read_bytes(), url, None)
    return Page(source="probe", url=url, title=read.title, text=read.text)
