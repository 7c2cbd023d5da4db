from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag_pipelines.errors import EmbedderMismatch, ReleaseError
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.records import EmbeddedChunks
from rag_pipelines.retrieval.manifest import IndexSpec
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines_tests.retrieval.conftest import ADDRESS
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder
from rag_pipelines_tests.retrieval.passage import passage

QUESTIONS = ("How long is the warranty?", "error E12", "acidity", "quiet hours alarm", "batteries")


def test_a_question_finds_its_page_first(site: Retriever):
    hits = site.search("How long is the warranty on the probe?")
    assert hits[0].chunk.url == f"{ADDRESS}/warranty.html"
    assert "three years" in hits[0].chunk.text


def test_a_code_that_only_words_can_find_is_found(site: Retriever):
    assert site.search("E12")[0].chunk.url == f"{ADDRESS}/troubleshooting.html"


def test_a_question_without_a_shared_word_finds_its_page(site: Retriever):
    urls = [hit.chunk.url for hit in site.search("pH adjustment twice yearly", 3)]
    assert f"{ADDRESS}/calibration.html" in urls


def test_hits_come_ranked_with_cosine_and_coverage(
    site: Retriever, site_chunks: EmbeddedChunks, embedder: Embedder
):
    question = "How long is the warranty on the probe?"
    hits = site.search(question, 5)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    assert sorted((hit.score for hit in hits), reverse=True) == [hit.score for hit in hits]
    vectors = dict(zip((c.id for c in site_chunks.chunks), site_chunks.vectors, strict=True))
    cosine = vectors[hits[0].chunk.id] @ embedder.encode([question])[0]
    assert hits[0].similarity == pytest.approx(float(cosine), abs=1e-5)
    assert hits[0].coverage == 1.0


def test_a_search_is_the_same_every_time(site: Retriever):
    assert site.search("firmware update") == site.search("firmware update")


def test_asking_for_more_than_there_is_gives_all(site: Retriever, site_chunks: EmbeddedChunks):
    hits = site.search("probe", 10_000)
    assert len({hit.chunk.id for hit in hits}) == len(hits) <= len(site_chunks.chunks)


@pytest.mark.parametrize(("query", "k"), [("", 10), ("   ", 10), ("warranty", 0)])
def test_nothing_asked_finds_nothing(site: Retriever, query: str, k: int):
    assert site.search(query, k) == []


@pytest.mark.parametrize("query", ["?!", "the of and", "日本語", "x" * 20_000, "\x00", "🙂"])
def test_odd_queries_are_answered(site: Retriever, query: str):
    assert len(site.search(query, 3)) == 3


def test_a_path_prefix_keeps_to_its_pages(site: Retriever):
    hits = site.search("warranty", 10, Filters(path_prefix="/battery"))
    assert {hit.chunk.url for hit in hits} == {f"{ADDRESS}/battery.html"}


def test_a_source_filter_keeps_to_its_source(site: Retriever):
    assert site.search("warranty", 10, Filters(sources=["probe"]))
    assert site.search("warranty", 10, Filters(sources=["elsewhere"])) == []


def test_many_threads_get_what_one_gets(site: Retriever):
    alone = {question: site.search(question, 5) for question in QUESTIONS}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda q: (q, site.search(q, 5)), QUESTIONS * 8))
    assert all(hits == alone[question] for question, hits in together)


def test_langchain_gets_documents_with_their_places(site: Retriever):
    documents = site.as_langchain(k=2).invoke("How long is the warranty on the probe?")
    assert len(documents) == 2
    assert documents[0].metadata["url"] == f"{ADDRESS}/warranty.html"
    assert (
        documents[0].page_content
        == site.search("How long is the warranty on the probe?")[0].chunk.text
    )


def test_another_embedder_is_refused(site_release: Path):
    with pytest.raises(EmbedderMismatch):
        Retriever.open(site_release, TopicEmbedder())


def test_closing_twice_is_harmless(site_release: Path, embedder: Embedder):
    retriever = Retriever.open(site_release, embedder)
    retriever.warm()
    retriever.close()
    retriever.close()


def test_a_release_without_its_lexical_index_does_not_open(tmp_path: Path, embedder: Embedder):
    release = single(tmp_path, embedder)
    (release / "lexical" / "vocab.index.json").unlink()
    with pytest.raises(ReleaseError, match="rebuild"):
        Retriever.open(release, embedder)


def test_an_index_of_one_chunk_answers(tmp_path: Path, embedder: Embedder):
    retriever = Retriever.open(single(tmp_path, embedder), embedder)
    (hit,) = retriever.search("herons")
    retriever.close()
    assert np.isfinite(hit.score)
    assert hit.coverage == 1.0


def single(folder: Path, embedder: Embedder) -> Path:
    chunks = [passage("Herons eat fish.")]
    embedded = EmbeddedChunks(chunks, embedder.encode(["Herons eat fish."]), embedder.fingerprint)
    spec = IndexSpec(
        embedder=embedder.name, fingerprint=embedder.fingerprint, dimension=embedder.dimension
    )
    return Releases(folder).build({"site": lambda: embedded}, {"site": "1"}, spec, "test").path
