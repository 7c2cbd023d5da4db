"""A disk that is soon full: a small file system of its own, or where none may be mounted a quota.

The quota is the kernel's limit on the size of a file, for this process and those it starts: a
write beyond it fails half-way as on a full disk, but is told as `EFBIG` instead of `ENOSPC`.
"""

import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = "No space left on device|File too large|disk is full|disk I/O error"
"""What the system and SQLite say of it."""


class SmallDisk:
    """A folder on a file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, left: int) -> None:
        """Leave so many bytes."""
        free = shutil.disk_usage(self.path).free
        with self._ballast.open("ab") as file:
            for _ in range((free - left) >> 12):
                file.write(bytes(1 << 12))

    def empty(self) -> None:
        """Make room again."""
        self._ballast.unlink(missing_ok=True)


class Quota(SmallDisk):
    """An ordinary folder of a process whose files may not grow."""

    def fill(self, left: int) -> None:
        """Let no file be longer than that."""
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (left, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )

    def empty(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def small_disk(path: Path, size: int) -> Iterator[SmallDisk]:
    """A disk of `size` bytes at `path`, which is made."""
    path.mkdir()
    mounted = _mount(path, size)
    disk = SmallDisk(path) if mounted else Quota(path)
    try:
        yield disk
    finally:
        disk.empty()
        if mounted:
            subprocess.run(["umount", "--lazy", path], check=True)


def _mount(path: Path, size: int) -> bool:
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    try:
        return not subprocess.run(["mount", *options], capture_output=True).returncode
    except FileNotFoundError:
        return False
