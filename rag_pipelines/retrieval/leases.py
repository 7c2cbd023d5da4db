"""Leases: a reader's claim that the release it has open must stay on disk.

A lease is a locked file, so that it ends with its holder however that dies, whatever the clock
says. Does not know what is collected, or when.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from rag_pipelines.retrieval.lock import try_lock

_SEPARATOR = "@"


@contextmanager
def leased(folder: Path, release: str, owner: str) -> Generator[Path]:
    """Hold a lease on a release. The caller keeps collectors out until this is entered."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{release}{_SEPARATOR}{uuid4().hex}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        try_lock(descriptor)
        os.write(descriptor, f"{owner}, process {os.getpid()}\n".encode())
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def leased_releases(folder: Path) -> set[str]:
    """Names of the releases with a live lease; files of dead holders are removed."""
    live: set[str] = set()
    for path in folder.glob(f"*{_SEPARATOR}*") if folder.is_dir() else ():
        if _is_live(path):
            live.add(path.name.partition(_SEPARATOR)[0])
        else:
            path.unlink(missing_ok=True)
    return live


def _is_live(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)
