"""Stage `search`: questions through the retriever at 10,000 chunks, embedding included.

Knows the time of a whole search and of its embedding. Memory is the stage `scale`'s to tell.
"""

import time
from typing import Any

from benchmarks.context import Context
from benchmarks.corpus import embedder_of, ingested, questions_of
from benchmarks.scale import built, timed

_ROWS = 10_000
_QUESTIONS = 500


def run(context: Context) -> dict[str, Any]:
    from rag_pipelines.retrieval.retriever import Retriever

    folder = built(context, _ROWS)
    _, rows = ingested(context)
    questions = questions_of(context, rows, _QUESTIONS)
    embedder = embedder_of(context)
    retriever = Retriever.open(folder, embedder)
    retriever.warm()
    began = time.process_time()
    whole = timed(questions, lambda question: retriever.search(question, 10))
    cpu = (time.process_time() - began) / len(questions)
    embedding = timed(questions, lambda question: embedder.encode([question]))
    retriever.close()
    return {
        "rows": _ROWS,
        "whole": whole,
        "embedding": embedding,
        "cpu_ms": round(cpu * 1000, 2),
    }
