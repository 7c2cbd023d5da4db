"""What makes two texts, or two sets of settings, the same: digests and nothing else."""

import unicodedata
from hashlib import sha256


def fold(text: str) -> str:
    """The text with each run of white space as one space and none at its ends."""
    return " ".join(text.split())


def digest_of(*parts: str) -> str:
    """32 hex digits of the parts in order; no two lists of parts without NULs share one."""
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def content_hash(title: str, text: str) -> str:
    """SHA-256 of what a page says, however it is spaced, composed or capitalised.

    Two URLs with one hash show the same page, and a page whose hash stays has not changed.
    """
    said = fold(unicodedata.normalize("NFKC", f"{title}\n{text}")).casefold()
    return sha256(said.encode("utf-8", "replace")).hexdigest()
