"""Removal: what is wanted by nobody goes, first from sight and then from disk.

Knows how to remove. Which releases are wanted is the caller's to say, and so are the locks.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from rag_pipelines.storage.durable import TEMPORARY, sync


def set_aside(root: Path, names: Sequence[str]) -> list[str]:
    """Take releases out of sight in one step each, so that nobody opens half of one."""
    for name in names:
        (root / name).rename(root / f"{TEMPORARY}{name}-{uuid4().hex}")
    if names:
        sync(root)
    return sorted(names)


def remove_temporary(root: Path) -> None:
    """Remove what was set aside, and what a killed build left. The writer's lock is held."""
    for path in root.glob(f"{TEMPORARY}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def remove_temporary_files(root: Path) -> None:
    """Remove the files that killed replacements left. The pointer's lock is held too."""
    for path in root.glob(f"{TEMPORARY}*"):
        if path.is_file():
            path.unlink(missing_ok=True)
