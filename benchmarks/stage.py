"""One stage in a process of its own: `python -m benchmarks.stage NAME CONTEXT RESULT`."""

import json
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.context import Context

MODULES = {
    "newcomer": "baseline",
    "ingest": "ingest",
    "crawl": "crawl",
    "embed": "embed",
    "quality": "quality",
    "documents": "documents",
    "scale": "scale",
    "search": "search",
    "faults": "faults",
    "swaps": "swaps",
    "chats": "chats",
    "rate": "rate",
    "burst": "burst",
    "history": "history",
}
NEEDS = {
    name: ("ingest",) for name in ("embed", "scale", "search", "swaps", "chats", "rate", "burst")
}
ON_REQUEST = ("faults", "swaps", "chats", "rate", "burst", "history")
"""Stages that take many minutes and are run only where they are named."""


def main(name: str, context: str, result: str) -> None:
    module = import_module(f"benchmarks.{MODULES[name]}")
    Path(result).write_text(json.dumps(module.run(Context.read(Path(context)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
