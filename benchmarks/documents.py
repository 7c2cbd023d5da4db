"""Stage `documents`: PDFs read whole, beside what other programs make of them in less depth.

Each reader has a process of its own, so that its processor time and memory are its own.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import measured
from benchmarks.context import REPOSITORY, Context, tell
from benchmarks.document_readers import READERS

SET = "icdar2013_eu"


def run(context: Context) -> dict[str, Any]:
    """What each reader found in the set, and what that cost."""
    folder = context.dataset(SET)
    if folder is None:
        return {}
    return {name: _read(name, folder / "pdf", context) for name in READERS}


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
