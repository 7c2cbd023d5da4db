"""The process in which documents are parsed: a task a frame in, a JSON value a frame out.

Limits itself before it reads anything hostile, and dies with its parent.
"""

import errno
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from rag_pipelines.corpus.extraction_worker import (
    REQUEST,
    die_with_parent,
    limit_memory,
    limit_processor,
    reply,
)
from rag_pipelines.documents.failures import DocumentFailure

_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),  # no more is taken: full, or a quota
    *(errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EIO),
}
_TOO_MUCH = "the file needs more memory than a worker may have"


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer tasks until the input ends, or one has filled the memory."""
    reply(replies, {"ready": True})
    while len(lengths := requests.read(REQUEST.size)) == REQUEST.size:
        header: dict[str, Any] = json.loads(requests.read(REQUEST.unpack(lengths)[0]))
        limit_processor(int(header["cpu_seconds"]))
        try:
            value = _called(header["task"], Path(header["path"]), header["arguments"])
            reply(replies, {"value": value})
        except MemoryError:
            reply(replies, {"failed": "memory", "detail": _TOO_MUCH})
            return
        except DocumentFailure as failure:
            reply(replies, {"failed": failure.reason, "detail": failure.detail})
        except Exception as error:
            reply(replies, _failed(error))


def _called(task: str, path: Path, arguments: dict[str, Any]) -> Any:
    module, _, name = task.partition(":")
    return getattr(importlib.import_module(module), name)(path, **arguments)


def _failed(error: Exception) -> dict[str, object]:
    detail = f"{type(error).__name__}: {error}"[:500]
    if isinstance(error, OSError) and error.errno in _MACHINE:
        return {"failed": "machine", "detail": detail, "errno": error.errno}
    return {"failed": "error", "detail": detail}


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    limit_memory(int(sys.argv[2]))
    os.environ["UNSTRUCTURED_DISABLE_NOTICE"] = "1"
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not land between two frames
    serve(sys.stdin.buffer, out)
