"""Files that are either the old or the new one, whatever is killed in between.

Knows fsync, rename, JSON and what digests files. Does not know what the files mean.
"""

import errno
import json
import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

TEMPORARY = ".tmp-"
"""How every name begins that a killed process may leave behind."""
_FULL = (*map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)), "disk is full")
"""How the system says that a disk takes no more, and how SQLite does."""


def tells_of_full_disk(text: str) -> bool:
    """Whether an error's words, whoever wrapped it, say that a disk takes no more."""
    return any(full in text for full in _FULL)


def sync(path: Path) -> None:
    """Wait until a file, or a directory's entries, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Wait until everything below `root`, and `root` itself, is on disk."""
    for folder, _, names in os.walk(root):
        for name in names:
            sync(Path(folder) / name)
        sync(Path(folder))


def replace_json(path: Path, value: Mapping[str, Any], mode: int = 0o666) -> None:
    """Put a new file in the place of `path` in one step that survives a power cut.

    Nobody whom `mode`, less the umask, keeps out can read it at any time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=2, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # a full disk has no room for halves
        raise
    sync(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None where there is no file. Raises `ValueError` for anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds {type(value).__name__}, expected an object")
    return value  # pyright: ignore[reportUnknownVariableType]


def files_sha256(folder: Path, files: Iterable[Path]) -> str:
    """Digest of files below `folder`: their names and what is in them."""
    digest = sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def runs(process: int) -> bool:
    """Whether a process of this id runs on this machine: what it left unfinished is its own."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, as somebody else
        return True
    return True
