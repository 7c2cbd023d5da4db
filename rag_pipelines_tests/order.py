"""Which files of tests run first: the dear ones, lest a worker be left alone with one at the end.

Knows folders, not tests. Files of a folder keep their order.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
DEAREST = ("end_to_end", "defs", "browser", "chat")
"""Folders whose files take half a minute and more, dearest first."""


def dearest_first(items: list[pytest.Item]) -> None:
    """Sort the tests of a run; xdist hands files out in this order (`--no-loadscope-reorder`)."""
    items.sort(key=lambda item: place(item.path.relative_to(ROOT).parts))


def place(parts: Sequence[str]) -> int:
    """The rank of a file: the lower, the sooner."""
    return DEAREST.index(parts[0]) if parts[0] in DEAREST else len(DEAREST)
