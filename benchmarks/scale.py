"""Stage `scale`: indexes of many chunks, built and searched, each in a process of its own.

The chunks are perturbed copies of the ingest's. Run as a module, this is one of the processes:
`build ROWS CONTEXT ROOT` or `serve CONTEXT ROOT`.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measured
from benchmarks.context import REPOSITORY, Context, tell
from benchmarks.corpus import (
    FEW,
    embedder_of,
    ingested,
    parts_of,
    percentiles,
    perturbed,
    questions_of,
    spec_of,
    spread,
)
from rag_pipelines.records import Progress
from rag_pipelines.retrieval.index import Index, exact
from rag_pipelines.retrieval.releases import Releases
from rag_pipelines.retrieval.retriever import Retriever
from rag_pipelines.retrieval.rows import Filters

_QUERIES = 200
_QUERY_NOISE = 0.7
"""Queries lie further from the passages than the copies do: their cosine is about .82."""
_K = 10


def run(context: Context) -> dict[str, Any]:
    return {str(rows): _size(rows, context) for rows in context.rows}


def _size(rows: int, context: Context) -> dict[str, Any]:
    root = place_of(context, rows)
    built = _process("build", str(rows), _written(context), str(root))
    served = _process("serve", _written(context), str(root))
    return built | served


def place_of(context: Context, rows: int) -> Path:
    """Where the release of that many rows is, in a home of its own."""
    return Path(context.work) / f"scale-{rows}" / "releases"


def built(context: Context, rows: int) -> Path:
    """The release of that many rows, built unless the stage `scale` did."""
    root = place_of(context, rows)
    if not Releases(root).list():
        _process("build", str(rows), _written(context), str(root))
    return Releases(root).list()[-1].path


def _written(context: Context) -> str:
    place = Path(context.work) / "scale-context.json"
    context.write(place)
    return str(place)


def _process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale", *arguments]
    usage, output = measured.run(command, measured.environment(), REPOSITORY)
    if usage.status:
        raise RuntimeError(f"{' '.join(arguments[:2])} ended with status {usage.status}")
    said = json.loads(output.splitlines()[-1])
    if arguments[0] == "build":
        said |= {"build_bytes": usage.peak_bytes, "build_cpu_seconds": usage.cpu_seconds}
    return said


class _Pace:
    """When the first and the last vectors were in."""

    def __init__(self) -> None:
        self._first = self._last = (0, 0.0)

    def tell(self, stage: str, done: int, total: int | None) -> None:
        if stage == "vectors":
            self._last = (done, time.monotonic())
            if not self._first[0]:
                self._first = self._last
            if done % 10_000 == 0:
                tell(f"scale: {done} of {total} vectors")

    def vectors_per_second(self) -> float | None:
        """None where all came at once."""
        vectors, seconds = (b - a for a, b in zip(self._first, self._last, strict=True))
        return round(vectors / seconds, 1) if seconds else None


def build(rows: str, context_file: str, root: str) -> dict[str, Any]:
    """Build a release of that many rows."""
    context, pace = Context.read(Path(context_file)), _Pace()
    release, real = ingested(context)
    spec = spec_of(embedder_of(context))
    began = time.monotonic()
    parts = parts_of(real, int(rows), spec)
    progress: Progress = pace.tell
    made = Releases(Path(root)).build(parts, dict.fromkeys(parts, rows), spec, "scale", progress)
    seconds = time.monotonic() - began
    size = sum(path.stat().st_size for path in made.path.rglob("*") if path.is_file())
    return {
        "real_rows": release.manifest.rows,
        "build_seconds": round(seconds, 1),
        "vectors_per_second": pace.vectors_per_second(),
        "disk_bytes": size,
    }


def serve(context_file: str, root: str) -> dict[str, Any]:
    """Search the release every way there is; memory is read before anything is checked."""
    context = Context.read(Path(context_file))
    release = Releases(Path(root)).list()[-1]
    began = time.monotonic()
    retriever = Retriever.open(release.path, embedder_of(context))
    retriever.warm()
    opened = time.monotonic() - began
    figures = _whole(retriever, context)
    index = Index(release.path)
    figures |= _vectors(index)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures["recall@10"] = _recall(index)
    index.close()
    retriever.close()
    return figures | {"open_seconds": round(opened, 2), "serve_bytes": peak}


def _whole(retriever: Retriever, context: Context) -> dict[str, Any]:
    """Questions through the retriever, embedding included, with and without a filter."""
    _, rows = ingested(context)
    questions = questions_of(context, rows, _QUERIES)
    return {
        "whole": timed(questions, lambda q: retriever.search(q, _K)),
        "whole_filtered": timed(
            questions, lambda q: retriever.search(q, _K, Filters(sources=[FEW]))
        ),
    }


def _vectors(index: Index) -> dict[str, Any]:
    """Vectors through the index, with and without a filter that 1 % of the rows meet."""
    queries = list(_queries(index))
    found = timed(queries, lambda q: index.search(q, _K))
    filtered = timed(
        queries, lambda q: index.search(q, _K, index.rows.among(Filters(sources=[FEW])))
    )
    return {"search": found, "filtered": filtered}


def _queries(index: Index) -> np.ndarray:
    picked = spread(len(index.rows), _QUERIES)
    return perturbed(np.asarray(index.rows.vectors[picked]), _QUERY_NOISE, 3)


def _recall(index: Index) -> float:
    everything = np.arange(len(index.rows))
    shares = []
    for query in _queries(index):
        true = {row for row, _ in exact(index.rows.vectors, query, _K, everything)}
        shares.append(len(true & {row for row, _ in index.search(query, _K)}) / len(true))
    return round(float(np.mean(shares)), 4)


def timed(queries: Sequence[Any], search: Callable[[Any], object]) -> dict[str, float]:
    """Percentiles of one search after another, the first few left out."""
    for query in queries[:3]:
        search(query)
    seconds: list[float] = []
    for query in queries:
        began = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - began)
    return percentiles(seconds)


if __name__ == "__main__":
    print(json.dumps({"build": build, "serve": serve}[sys.argv[1]](*sys.argv[2:])))
