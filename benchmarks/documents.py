"""Stage `documents`: PDFs read whole, beside what other programs make of them in less depth.

Each reader has a process of its own, so that its processor time and memory are its own. The
tables that `rag tables` prints are held against the set's annotation.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import measured
from benchmarks.context import REPOSITORY, Context, tell
from benchmarks.document_readers import READERS
from benchmarks.table_scores import scores

SET = "icdar2013_eu"


def run(context: Context) -> dict[str, Any]:
    """What each reader found in the set, and what that cost."""
    folder = context.dataset(SET)
    if folder is None:
        return {}
    found = {name: _read(name, folder / "pdf", context) for name in READERS}
    tell("documents: scores")
    return found | {"ours": found["ours"] | scores(folder / "gold.json", _printed(folder / "pdf"))}


def _printed(folder: Path) -> list[str]:
    """A line a table, as `rag tables` prints them."""
    files = map(str, sorted(folder.glob("*.pdf")))
    command = [sys.executable, "-m", "rag_pipelines.cli", "tables", "--json", *files]
    env = measured.environment()
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def _read(name: str, folder: Path, context: Context) -> dict[str, Any]:
    tell(f"documents: {name}")
    with TemporaryDirectory(dir=context.work) as work:
        command = [sys.executable, "-m", "benchmarks.document_readers", name, str(folder), work]
        usage, output = measured.run(command, measured.environment(), REPOSITORY)
    if usage.status:
        raise RuntimeError(f"{name} ended with status {usage.status}")
    found = json.loads(output.splitlines()[-1])
    return found | {
        "seconds": round(usage.seconds, 2),
        "cpu_seconds": round(usage.cpu_seconds, 2),
        "pages_per_cpu_second": round(found["pages"] / usage.cpu_seconds, 2),
        "peak_bytes": usage.peak_bytes,
    }
