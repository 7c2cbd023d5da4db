"""Bytes by their digest.

A blob never changes, so writing it twice is writing it once. Knows fsspec; does not know what
the bytes mean or who still needs them.
"""
# fsspec ships no types.
# pyright: standard

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem


class Blobs:
    """Content-addressed bytes below `root`, a folder or any fsspec URL."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")
        self._fs, self._path = fsspec.core.url_to_fs(self.root)

    def path(self, sha: str) -> str:
        """Where the blob of this SHA-256 lies."""
        return f"{self._path}/{sha[:2]}/{sha}"

    def has(self, sha: str) -> bool:
        """Whether the blob is there."""
        path = self.path(sha)
        return Path(path).exists() if is_local(self._fs) else bool(self._fs.exists(path))

    def get(self, sha: str) -> bytes:
        """The blob's bytes. Raises `FileNotFoundError` where it is not there."""
        path = self.path(sha)
        return Path(path).read_bytes() if is_local(self._fs) else bytes(self._fs.cat_file(path))

    def size(self, sha: str) -> int:
        """How many bytes the blob has. Raises `FileNotFoundError` where it is not there."""
        return int(self._fs.size(self.path(sha)))

    def pieces(self, sha: str, size: int = 1 << 20) -> Iterator[bytes]:
        """The blob's bytes, up to `size` at a time. Raises as `get`."""
        with self._fs.open(self.path(sha), "rb") as file:
            while piece := file.read(size):
                yield bytes(piece)

    def put(self, data: bytes) -> str:
        """Keep `data` and return its SHA-256; a half-written blob is never visible."""
        sha = sha256(data).hexdigest()
        if not self.has(sha):
            place_atomically(self._fs, self.path(sha), data)
        return sha


def place_atomically(fs: fsspec.AbstractFileSystem, path: str, data: bytes) -> None:
    """Write beside `path` under a temporary name, then rename over it; nothing stays of a failure.

    An object store commits a whole object at once, so there the write itself is atomic.
    """
    if not is_local(fs):
        fs.pipe_file(path, data)
        return
    place, temporary = Path(path), Path(f"{path}.{uuid4().hex}.tmp")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_local(fs: fsspec.AbstractFileSystem) -> bool:
    """Whether its paths are the machine's own, which need no fsspec: it costs more than they do."""
    return isinstance(fs, LocalFileSystem)
