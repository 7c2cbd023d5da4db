"""Stage `quality`: nDCG@10 of both on the evaluation sets, with one metric for both."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import measured
from benchmarks.context import REPOSITORY, Context, tell
from benchmarks.corpus import embedder_of

SETS = ("anthropic_docs", "xquad_en")


def run(context: Context) -> dict[str, Any]:
    found = {name: context.dataset(name) for name in SETS}
    return {name: _both(folder, context) for name, folder in found.items() if folder}


def _both(folder: Path, context: Context) -> dict[str, Any]:
    from rag_pipelines.retrieval.evaluation import evaluate

    tell(f"quality: {folder.name}")
    report = evaluate(folder, embedder_of(context))
    return {"newcomer": _newcomer(folder), "ours": report.metrics, "settings": report.settings}


def _newcomer(folder: Path) -> dict[str, float]:
    from rag_pipelines.retrieval.dataset import load_dataset
    from rag_pipelines.retrieval.metrics import measured as judged

    command = [sys.executable, "-m", "benchmarks.newcomer", "rank", str(folder)]
    usage, output = measured.run(command, measured.environment(), REPOSITORY)
    if usage.status:
        raise RuntimeError(f"the newcomer's ranking ended with status {usage.status}")
    data, run = load_dataset(folder), json.loads(output.splitlines()[-1])["run"]
    return judged(data.judgements, {query: run[query] for query in data.judgements})
