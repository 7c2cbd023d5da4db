"""Stage `embed`: chunks of the ingest embedded once more, for chunks a processor second."""

import time
from typing import Any

from benchmarks.context import Context
from benchmarks.corpus import embedder_of, ingested, spread

_SAMPLE = 2000


def run(context: Context) -> dict[str, Any]:
    from rag_pipelines.corpus.embedding import embed_chunks

    _, rows = ingested(context)
    chunks = [rows[row] for row in spread(len(rows), _SAMPLE)]
    embedder = embedder_of(context)
    embedder.encode(["The first call makes the session."])
    began, used = time.monotonic(), time.process_time()
    embed_chunks(chunks, embedder)
    seconds, cpu = time.monotonic() - began, time.process_time() - used
    return {
        "chunks": len(chunks),
        "mean_tokens": round(sum(chunk.tokens for chunk in chunks) / len(chunks), 1),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "chunks_per_cpu_second": round(len(chunks) / cpu, 2),
        "chunks_per_second": round(len(chunks) / seconds, 2),
    }
