"""Bytes by their digest.

A blob never changes, so writing it twice is writing it once. Knows fsspec; does not know what
the bytes mean or who still needs them.
"""
# fsspec ships no types.
# pyright: standard

import os
from hashlib import sha256
from uuid import uuid4

import fsspec


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
        return bool(self._fs.exists(self.path(sha)))

    def get(self, sha: str) -> bytes:
        """The blob's bytes. Raises `FileNotFoundError` where it is not there."""
        return bytes(self._fs.cat_file(self.path(sha)))

    def put(self, data: bytes) -> str:
        """Keep `data` and return its SHA-256; a half-written blob is never visible."""
        sha = sha256(data).hexdigest()
        if not self.has(sha):
            place_atomically(self._fs, self.path(sha), data)
        return sha


def place_atomically(fs: fsspec.AbstractFileSystem, path: str, data: bytes) -> None:
    """Write beside `path` under a temporary name, then rename over it.

    An object store commits a whole object at once, so there the write itself is atomic.
    """
    if not isinstance(fs, fsspec.get_filesystem_class("file")):
        fs.pipe_file(path, data)
        return
    fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    temporary = f"{path}.{uuid4().hex}.tmp"
    with open(temporary, "wb") as file:  # noqa: PTH123 - an fsspec path of the local file system
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fs.mv(temporary, path)
