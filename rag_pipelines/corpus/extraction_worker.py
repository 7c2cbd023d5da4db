"""The process in which pages are parsed: frames in on its input, frames out on its output.

A worker limits itself before it reads anything hostile, and dies with its parent. A request is two
lengths, a JSON header and the page's bytes; a reply is a length and a JSON object: no pickles.
"""

import json
import os
import resource
import signal
import socket
import struct
import sys
from dataclasses import asdict
from typing import BinaryIO

from rag_pipelines.corpus.fork_server import serve_forks

REQUEST = struct.Struct(">II")
REPLY = struct.Struct(">I")
_PR_SET_PDEATHSIG = 1
_WARMING = b"<p>" + b"Imports and models are loaded before the first page is timed. " * 8


def warm() -> None:
    """Load all that extraction imports, and its models."""
    from rag_pipelines.corpus.extract import extract

    extract(_WARMING)


def serve(requests: BinaryIO, replies: BinaryIO, seconds: int) -> None:
    """Answer requests until the input ends."""
    from rag_pipelines.corpus.extract import extract

    reply(replies, {"ready": True})
    while len(lengths := requests.read(REQUEST.size)) == REQUEST.size:
        header_length, body_length = REQUEST.unpack(lengths)
        header = json.loads(requests.read(header_length))
        body = requests.read(body_length)
        limit_processor(seconds)
        try:
            reply(replies, asdict(extract(body, header["url"], header["charset"])))
        except MemoryError:
            reply(
                replies,
                {"failed": "memory", "detail": "the page needs more memory than a worker may have"},
            )
            return
        except Exception as error:
            reply(replies, {"failed": "error", "detail": f"{type(error).__name__}: {error}"[:500]})


def limit_memory(size: int) -> None:
    """Cap this process's address space, in bytes; a request beyond it is a MemoryError."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    cap = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent goes, however that happens."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def limit_processor(seconds: int) -> None:
    """Give the next page so many CPU seconds; the kernel ends the process at their end."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    cap = int(usage.ru_utime + usage.ru_stime) + seconds + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (cap if hard == resource.RLIM_INFINITY else min(cap, hard), hard)
    )


def reply(replies: BinaryIO, answer: dict[str, object]) -> None:
    """Send one answer; text that is no Unicode is mended on its way."""
    encoded = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    replies.write(REPLY.pack(len(encoded)) + encoded)
    replies.flush()


def main() -> None:
    """Load everything, then fork a worker whenever one is wanted."""
    parent, memory_bytes, seconds = map(int, sys.argv[1:])
    die_with_parent(parent)
    os.dup2(2, 1)  # what a library prints must not land between two frames
    warm()
    server = os.getpid()

    def work(requests: BinaryIO, replies: BinaryIO) -> None:
        die_with_parent(server)
        limit_memory(memory_bytes)
        serve(requests, replies, seconds)

    with socket.socket(fileno=0) as control:
        serve_forks(control, work)


if __name__ == "__main__":
    main()
