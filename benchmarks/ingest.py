"""Stage `ingest`: `rag ingest --all` as a person runs it, from nothing, and once more.

Leaves the installation in the working folder for the stages that need real vectors.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import measured, site
from benchmarks.context import REPOSITORY, SOURCE, Context


def environment(context: Context) -> dict[str, str]:
    """An installation of its own, with the embedder that is shipped and no language model."""
    return measured.environment(
        RAG_HOME=str(context.home),
        RAG_SOURCES=str(Path(context.work) / "sources.yaml"),
        RAG_EMBEDDER="onnx:minilm",
        RAG_GENERATOR="extractive:",
    )


def run(context: Context) -> dict[str, Any]:
    # A mapping in JSON is YAML too.
    sources = {"sources": {SOURCE: {"website": context.website}}}
    (Path(context.work) / "sources.yaml").write_text(json.dumps(sources))
    usage, said = _ingest(context)
    again, said_again = _ingest(context)
    figures, repeated = said["sources"][SOURCE], said_again["sources"][SOURCE]
    return {
        "pages": figures["pages"],
        "lost": len(site.pages_of(Path(context.folder))) - figures["pages"],
        "chunks": figures["chunks"],
        "figures": figures,
        "published": said["published"],
        "seconds": usage.seconds,
        "cpu_seconds": usage.cpu_seconds,
        "peak_megabytes": round(usage.peak_bytes / 1e6, 1),
        "cpu_seconds_by_program": usage.programs,
        "again": {
            "parsed": repeated["parsed"],
            "embedded": repeated["embedded"],
            "published": said_again["published"],
            "seconds": again.seconds,
            "cpu_seconds": again.cpu_seconds,
        },
    }


def _ingest(context: Context) -> tuple[measured.Usage, dict[str, Any]]:
    command = [sys.executable, "-m", "rag_pipelines.cli", "ingest", "--all", "--json"]
    usage, output = measured.run(command, environment(context), REPOSITORY)
    if usage.status:
        raise RuntimeError(f"rag ingest ended with status {usage.status}: {output[-500:]}")
    return usage, json.loads(output.splitlines()[-1])
