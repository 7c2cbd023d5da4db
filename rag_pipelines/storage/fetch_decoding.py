"""Compressed bytes in, plain bytes out, never more than a cap.

Knows gzip and deflate. Brotli and zstd are refused: their decoders give no way to stop inside
a block, and no server sends what Accept-Encoding did not ask for.
"""

import zlib
from typing import Protocol

from rag_pipelines.errors import FetchError, TooLarge

ACCEPT_ENCODING = "gzip, deflate"

# zlib copies what follows a member, so a piece of many tiny members costs its size squared.
_PIECE = 16_384


class Body(Protocol):
    """Collects a body as it arrives."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes from the wire. Raises `TooLarge` at the cap."""
        ...

    def finish(self) -> bytes:
        """The whole body. Raises `FetchError` where its end is missing."""
        ...


class _Decoder(Protocol):
    """What `zlib.decompressobj` returns."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class PlainBody:
    """A body that is not compressed."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._first = b""
        self._rest: bytearray | None = None
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._max_bytes:
            raise too_large(self._max_bytes)
        if not self._first:
            self._first = data
        elif self._rest is None:
            self._rest = bytearray(self._first + data)
        else:
            self._rest += data

    def finish(self) -> bytes:
        return self._first if self._rest is None else bytes(self._rest)


class CompressedBody:
    """A gzip or deflate body; the cap counts both what arrives and what comes out."""

    def __init__(self, encoding: str, max_bytes: int) -> None:
        self._gzip = encoding == "gzip"
        self._max_bytes = max_bytes
        self._received = 0
        self._out = bytearray()
        self._pending = b""
        self._decoder: _Decoder | None = zlib.decompressobj(31) if self._gzip else None

    def feed(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > self._max_bytes:
            raise too_large(self._max_bytes)
        try:
            self._decode(data)
        except zlib.error as error:
            raise FetchError(f"The compressed body is broken: {error}") from error

    def _decode(self, data: bytes) -> None:
        data = self._pending + data
        self._pending = b""
        decoder = self._decoder or self._deflate(data)
        while data:
            if decoder.eof:
                if len(data) < 2 or not self._gzip or data[:2] != b"\x1f\x8b":
                    self._pending = data[:1]  # what follows the last member is padding
                    break
                decoder = zlib.decompressobj(31)
            # One byte above the cap tells a body that is too large from one that just fits.
            self._out += decoder.decompress(data, self._max_bytes + 1 - len(self._out))
            if len(self._out) > self._max_bytes:
                raise too_large(self._max_bytes)
            data = decoder.unused_data
        self._decoder = decoder

    def _deflate(self, data: bytes) -> _Decoder:
        """Servers send `deflate` with the zlib header that HTTP asks for, or without it."""
        zlib_header = data[0] & 0x0F == 8 and (len(data) < 2 or not (data[0] * 256 + data[1]) % 31)
        return zlib.decompressobj(15 if zlib_header else -15)

    def finish(self) -> bytes:
        if self._received and (self._decoder is None or not self._decoder.eof):
            raise FetchError("The compressed body ends in the middle.")
        return bytes(self._out)


def body_for(content_encoding: str, max_bytes: int) -> Body:
    """Choose the collector for a Content-Encoding header.

    Raises:
        FetchError: an encoding that was not asked for.
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return PlainBody(max_bytes)
    if encoding in ("gzip", "x-gzip", "deflate"):
        return CompressedBody(encoding.removeprefix("x-"), max_bytes)
    raise FetchError(f"Content-Encoding {encoding[:40]!r} is not read, only gzip and deflate.")


def gunzip(data: bytes, max_bytes: int) -> bytes:
    """Unpack a gzip file (a `sitemap.xml.gz`), at most `max_bytes` of it.

    Raises:
        TooLarge: more would come out.
        FetchError: not gzip, or cut short.
    """
    body = CompressedBody("gzip", max(max_bytes, len(data)))
    for start in range(0, len(data), _PIECE):
        body.feed(data[start : start + _PIECE])
    plain = body.finish()
    if len(plain) > max_bytes:
        raise too_large(max_bytes)
    return plain


def too_large(max_bytes: int) -> TooLarge:
    """The error of a body that passes its cap."""
    return TooLarge(f"The body is larger than the {max_bytes:,} bytes allowed.")
