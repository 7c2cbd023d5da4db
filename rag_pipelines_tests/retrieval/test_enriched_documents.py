"""Languages, names and dates of files, found when they are read, filter what a search finds."""

from collections.abc import Callable, Iterator

import pytest

from rag_pipelines.corpus.chunking import splitter_for
from rag_pipelines.corpus.embedding import embed_chunks
from rag_pipelines.documents.chunking import chunk_documents
from rag_pipelines.documents.elements import read_elements
from rag_pipelines.documents.enrichment import with_entities
from rag_pipelines.documents.files import file_at
from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.retrieval.manifest import IndexSpec
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters
from rag_pipelines.sources import Chunking
from rag_pipelines.storage.blobs import Blobs

FILES = {
    "en.txt": "The dam of Birchwater was opened by Margaret Thatcher on 12 March 1984. The "
    "European Commission in Brussels paid for half of it, and the valley paid the rest.\n",
    "later.txt": "The dam of Alderbrook was rebuilt in May 1998 and has been watched by the "
    "engineers of Siemens since then, who measure its level in each night of the year.\n",
    "de.txt": "Die Talsperre Birkenwasser wurde am 3. Oktober 1990 eröffnet. Sie hält den "
    "Winterregen von vier Tälern zurück und versorgt die Stadt mit Wasser.\n",
    "ar.txt": "تقع المحطة على ضفة النهر. تم بناء السد في عام ألف وتسعمائة وأربعة وسبعين، "
    "ويحفظ مياه الأمطار من أربعة أودية طوال فصل الشتاء.\n",
    "zh.txt": "水库收集四个山谷的冬雨。大坝于2001年6月建成并为整座城市供水。\n",
}

Found = Callable[..., set[str]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Iterator[Found]:
    """Names of the files whose passages a search lets through."""
    folder = tmp_path_factory.mktemp("enriched")
    blobs = Blobs(str(folder / "blobs"))
    for name, text in FILES.items():
        (folder / name).write_text(text, "utf-8")
    files = [file_at("dams", f"file:{name}", folder / name, 1 << 20, blobs) for name in FILES]
    elements = read_elements(files, blobs).elements
    cut = chunk_documents(elements, [], [], splitter_for(Chunking(), embedder))
    cut, computed = with_entities(cut, "en_core_web_sm", {})
    assert computed == len(cut) == len(FILES)
    part = embed_chunks(cut, embedder, None)[0]
    spec = IndexSpec(
        embedder=embedder.name, fingerprint=embedder.fingerprint, dimension=embedder.dimension
    )
    built = Releases(folder / "releases").build({"dams": lambda: part}, {"dams": "1"}, spec, "x")
    retriever = Retriever.open(built.path, embedder)

    def search(**filters: str) -> set[str]:
        hits = retriever.search("Who built the dam?", 10, Filters(**filters))
        return {hit.chunk.url.removeprefix("file:") for hit in hits}

    yield search
    retriever.close()


def test_without_a_filter_every_file_may_answer(found: Found):
    assert found() == set(FILES)


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", {"en.txt", "later.txt"}),
        ("de", {"de.txt"}),
        ("ar", {"ar.txt"}),
        ("zh", {"zh.txt"}),
        ("fr", set[str]()),
    ],
)
def test_passages_are_filtered_by_the_language_they_are_in(
    found: Found, language: str, names: set[str]
):
    assert found(language=language) == names


@pytest.mark.parametrize(
    ("entity", "names"),
    [
        ("PERSON:Margaret Thatcher", {"en.txt"}),
        ("european commission", {"en.txt"}),
        ("GPE:Brussels", {"en.txt"}),
        ("ORG:Siemens", {"later.txt"}),
        ("GPE:Siemens", set[str]()),
        ("1984", {"en.txt"}),
        ("DATE:1984-03-12", {"en.txt"}),
        ("1998-05", {"later.txt"}),
        ("1990-10-03", {"de.txt"}),
        ("2001-06", {"zh.txt"}),
        ("2024", set[str]()),
    ],
)
def test_passages_are_filtered_by_names_and_dates(found: Found, entity: str, names: set[str]):
    assert found(entity=entity) == names


def test_filters_hold_together(found: Found):
    assert found(entity="1990", language="de") == {"de.txt"}
    assert found(entity="1990", language="en") == set()
