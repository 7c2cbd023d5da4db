"""Numbers that only rise: they outlive the releases and pointers that bore them.

The caller holds the lock of whoever counts. Does not know what is counted.
"""

from pathlib import Path

from rag_pipelines.storage.durable import read_json, replace_json


def next_number(path: Path, at_least: int = 0) -> int:
    """Take the next number, above every one taken and above `at_least`."""
    try:
        last = int((read_json(path) or {}).get("last", 0))
    except (ValueError, TypeError):  # damaged: what is on disk tells
        last = 0
    number = max(last, at_least) + 1
    replace_json(path, {"last": number})
    return number
