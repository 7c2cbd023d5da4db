"""A folder of PDFs read by one reader: `python -m benchmarks.document_readers READER FOLDER WORK`.

Prints how many pages, elements and tables were found, as JSON. `ours` reads text, tables and
figures, cuts them into chunks and names their entities; OCR and captioner are off.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Found = dict[str, Any]


def ours(paths: Sequence[Path], work: Path) -> Found:
    from rag_pipelines.corpus.chunking import splitter_for
    from rag_pipelines.documents.chunking import chunk_documents
    from rag_pipelines.documents.elements import read_elements
    from rag_pipelines.documents.enrichment import with_entities
    from rag_pipelines.documents.figures import read_figures
    from rag_pipelines.documents.files import file_at
    from rag_pipelines.documents.tables import read_tables
    from rag_pipelines.inference.embedders import load_embedder
    from rag_pipelines.sources import Chunking, Documents
    from rag_pipelines.storage.blobs import Blobs

    settings = Documents(paths=("*.pdf",), ocr="never")
    blobs = Blobs(str(work / "blobs"))
    files = [
        file_at("set", f"file:{path.name}", path, settings.max_file_bytes, blobs) for path in paths
    ]
    read = read_elements(files, blobs, (), settings)
    tables = read_tables(read.elements, blobs)
    figures = read_figures(read.elements, tables, blobs, settings=settings)
    splitter = splitter_for(Chunking(), load_embedder("onnx:minilm", work))
    chunks = chunk_documents(read.elements, tables, figures, splitter)
    with_entities(chunks, "en_core_web_sm", {})

    began = time.monotonic()
    again = read_elements(files, blobs, read.elements, settings)
    same_tables = read_tables(again.elements, blobs, tables) == tables
    same_figures = (
        read_figures(again.elements, tables, blobs, None, figures, settings=settings) == figures
    )
    return {
        "pages": sum(file.pages for file in read.files),
        "failed": sum(bool(file.problem) for file in read.files),
        "elements": len(read.elements),
        "tables": sum(bool(table.rows) for table in tables),
        "figures": sum(bool(figure.image) for figure in figures),
        "chunks": len(chunks),
        "again": {
            "parsed": again.parsed,
            "same": again.elements == read.elements and same_tables and same_figures,
            "seconds": round(time.monotonic() - began, 2),
        },
    }


def unstructured_fast(paths: Sequence[Path], work: Path) -> Found:
    from rag_pipelines.documents.unstructured_setup import prepare

    prepare()  # without the text rules' model there is not a word, nor an error
    from unstructured.partition.pdf import partition_pdf

    read = [partition_pdf(str(path), strategy="fast") for path in paths]
    return {
        "pages": _pages(paths),
        "failed": sum(not elements for elements in read),
        "elements": sum(map(len, read)),
        "tables": sum(element.category == "Table" for found in read for element in found),
    }


def pdfplumber(paths: Sequence[Path], work: Path) -> Found:
    import pdfplumber

    pages = tables = words = 0
    for path in paths:
        with pdfplumber.open(path) as pdf:
            for page in pdf.pages:
                pages += 1
                words += len((page.extract_text() or "").split())
                tables += len(page.extract_tables())
                page.close()
    return {"pages": pages, "failed": 0, "words": words, "tables": tables}


def _pages(paths: Sequence[Path]) -> int:
    from pypdfium2 import PdfDocument

    total = 0
    for path in paths:
        with PdfDocument(path) as pdf:
            total += len(pdf)
    return total


READERS: dict[str, Callable[[Sequence[Path], Path], Found]] = {
    "unstructured_fast": unstructured_fast,
    "pdfplumber": pdfplumber,
    "ours": ours,
}


if __name__ == "__main__":
    name, folder, work = sys.argv[1:]
    print(json.dumps(READERS[name](sorted(Path(folder).glob("*.pdf")), Path(work))))
