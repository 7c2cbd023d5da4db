"""Named keys of the chat service: made, listed, revoked, and told from anything else.

Knows one small file, and what it holds of a key. Holds no key, and knows no request.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag_pipelines.errors import UserError
from rag_pipelines.retrieval.lock import locked
from rag_pipelines.storage.durable import replace_json

PREFIX = "rag_"
_KEY_BYTES = 32
_NAME = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"
_EMPTY = b'{"keys": []}'
_LOCK_SECONDS = 10.0


class KeysUnreadable(UserError):
    """The file of keys is there and cannot be read: nobody may be let in."""


class Key(BaseModel):
    """A key as it is kept: whose it is, and what it is recognised by.

    A plain hash does: a key is 256 random bits, so there is nothing to guess that a slow hash would
    protect. What is hashed is the session that follows from the key, so that one hash recognises
    both, and neither can be made from what is kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: Annotated[str, Field(pattern=f"^{_NAME}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created_at: str


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    keys: list[Key]


class Keys:
    """The keys in a file. Safe to share between threads and processes."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist: then there is no key."""
        self._path = path
        self._seen: tuple[bytes, Sequence[Key]] = (_EMPTY, ())

    def all(self) -> Sequence[Key]:
        """Every key, by name, as the file has them now. Raises `KeysUnreadable`.

        The file is read every time, which takes some microseconds: a key that was revoked is
        refused from the next call on, whatever a clock or a file system says of times.
        """
        try:
            written = self._path.read_bytes()
        except FileNotFoundError:
            written = _EMPTY
        except OSError as error:
            raise self._unreadable(error.strerror or "it cannot be read") from None
        if written != self._seen[0]:
            self._seen = written, self._parsed(written)
        return self._seen[1]

    def add(self, name: str) -> str:
        """Make a key for a user and return it; nobody can show it again.

        Raises `UserError` where the name is taken, or is none.
        """
        if not re.fullmatch(_NAME, name):
            raise UserError(
                f"{name!r} is no name for a key: it takes 1 to 64 letters, digits and . _ @ -, and "
                "begins with a letter or a digit."
            )
        key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
        with self._alone() as kept:
            if any(there.name == name for there in kept):
                raise UserError(
                    f"{name} has a key already. Name another user, or end that key first: "
                    f"rag keys revoke {name}."
                )
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._write([*kept, Key(name=name, sha256=_hash(session_of(key)), created_at=now)])
        return key

    def revoke(self, name: str) -> None:
        """End a user's key, and every session begun with it. Raises `UserError`."""
        with self._alone() as kept:
            rest = [there for there in kept if there.name != name]
            if len(rest) == len(kept):
                names = ", ".join(there.name for there in kept) or "none"
                raise UserError(f"There is no key {name!r} to revoke; there are: {names}.")
            self._write(rest)

    def owner(self, session: str) -> str | None:
        """Whose session it is; None where it is nobody's. Raises `KeysUnreadable`.

        Takes as long for a session that is nearly right as for any other: every key is compared,
        and each in constant time.
        """
        digest, found = _hash(session), None
        for key in self.all():
            if compare_digest(key.sha256, digest):
                found = key.name
        return found

    @contextmanager
    def _alone(self) -> Iterator[Sequence[Key]]:
        """What is kept, while no other process changes it."""
        with locked(self._path.with_suffix(".lock"), "rag keys", _LOCK_SECONDS):
            yield self.all()

    def _write(self, keys: Sequence[Key]) -> None:
        by_name = sorted(keys, key=lambda key: key.name)
        replace_json(self._path, _Kept(keys=by_name).model_dump(), mode=0o600)

    def _parsed(self, written: bytes) -> Sequence[Key]:
        try:
            return _Kept.model_validate_json(written).keys
        except ValidationError:  # which would show what was found
            raise self._unreadable("it is damaged") from None

    def _unreadable(self, why: str) -> KeysUnreadable:
        return KeysUnreadable(
            f"{self._path}: {why}. The chat service lets nobody in until this is mended: put a "
            "copy of the file back, or remove it and make every key anew with `rag keys add`."
        )


def session_of(key: str) -> str:
    """What stands for a key in a browser: it opens what the key opens, and cannot be made one.

    It follows from the key, so it ends with the key and outlives a restart.
    """
    return _hash(f"session {key}")


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
