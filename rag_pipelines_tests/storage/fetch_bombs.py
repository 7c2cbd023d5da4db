"""Serves bodies without end to a Fetcher and prints, as JSON, what each cost.

Runs in a process of its own, because the peak of a process's memory cannot be reset.
"""

import asyncio
import gzip
import json
import resource
import zlib

from rag_pipelines.errors import FetchError
from rag_pipelines.storage.addresses import AddressGuard
from rag_pipelines.storage.fetch import Fetcher, FetchLimits
from rag_pipelines_tests.storage.fetch_server import Answer, LoopbackServer, ok

MEGABYTE = 1_000_000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


class Flood:
    """Sends the same block over and over, at most `times`; counts what the client took."""

    def __init__(self, head: bytes, block: bytes, times: int) -> None:
        self.head, self.block, self.times = head, block, times
        self.sent = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self.head)
        for _ in range(self.times):
            if writer.is_closing():
                break
            writer.write(self.block)
            await writer.drain()
            self.sent += len(self.block)
        writer.close()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def endless_gzip(head: bytes) -> Flood:
    """One gzip stream of 1 GB of zeros: a megabyte compressed once, its block sent 1,000 times.

    It is not chunked, so that one read of 64 KB holds 64 MB.
    """
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return Flood(head + start, block * 111, 9)


def floods() -> dict[str, Flood]:
    plain = b"HTTP/1.1 200 OK\r\n"
    gzipped = CHUNKED + b"Content-Encoding: gzip\r\n\r\n"
    deflated = CHUNKED + b"Content-Encoding: deflate\r\n\r\n"
    members = chunk(gzip.compress(bytes(MEGABYTE)))
    return {
        "gzip": endless_gzip(plain + b"Content-Encoding: gzip\r\n\r\n"),
        "gzip_members": Flood(gzipped, members, 1_000),
        "gzip_padding": Flood(gzipped + chunk(gzip.compress(b"")), chunk(bytes(65_536)), 16_000),
        "gzip_inside_deflate_header": Flood(deflated, members, 1_000),
        "brotli": Flood(CHUNKED + b"Content-Encoding: br\r\n\r\n", chunk(bytes(65_536)), 16_000),
        "chunked": Flood(CHUNKED + b"\r\n", chunk(bytes(65_536)), 160_000),
        # Reading chunk by chunk takes a minute to the cap: here the total timeout ends it.
        "one_byte_chunks": Flood(CHUNKED + b"\r\n", chunk(b"x") * 10_000, 1_000_000),
        "until_closed": Flood(plain + b"\r\n", bytes(65_536), 160_000),
        "length_of_10_gb": Flood(
            plain + b"Content-Length: 10000000000\r\n\r\n", bytes(65_536), 160_000
        ),
        "gzip_length_of_10_gb": Flood(
            plain + b"Content-Encoding: gzip\r\nContent-Length: 10000000000\r\n\r\n",
            gzip.compress(bytes(MEGABYTE)),
            1_000_000,
        ),
        "headers": Flood(plain, b"X-Filler: " + b"x" * 8_000 + b"\r\n", 1_000_000),
        "chunk_extension": Flood(CHUNKED + b"\r\n5;", b"x" * 65_536, 160_000),
        "trailers": Flood(CHUNKED + b"\r\n0\r\n", b"X: " + b"x" * 8_000 + b"\r\n", 1_000_000),
    }


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def costs() -> dict[str, dict[str, object]]:
    served = floods()
    routes: dict[str, Answer] = {f"/{name}": flood for name, flood in served.items()}
    found: dict[str, dict[str, object]] = {}
    async with (
        LoopbackServer({**routes, "/": ok(b"x" * MEGABYTE)}) as server,
        Fetcher(AddressGuard(["127.0.0.1"])) as fetcher,
        Fetcher(AddressGuard(["127.0.0.1"]), FetchLimits(total_timeout=2)) as hasty,
    ):
        await fetcher.fetch(server.url())
        before = peak()
        for name, flood in served.items():
            try:
                fetching = hasty if name == "one_byte_chunks" else fetcher
                body = await fetching.fetch(server.url(f"/{name}"))
                outcome = f"{len(body.body)} bytes"
            except FetchError as error:
                outcome = type(error).__name__
            found[name] = {"outcome": outcome, "grown": peak() - before, "sent": flood.sent}
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(costs())))
