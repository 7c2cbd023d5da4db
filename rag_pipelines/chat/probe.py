"""Opens a release in a process of its own, where a damaged store may crash without harm.

Knows what a service needs of a release before it takes it in: rows as they were written, every
vector there, neighbours found, words loaded. Whether the content is good was the checks' to say.
"""

import sys
from pathlib import Path

import numpy as np

from rag_pipelines.errors import ReleaseError
from rag_pipelines.retrieval.index import Index
from rag_pipelines.retrieval.lexical import LexicalIndex
from rag_pipelines.retrieval.rows import rows_sha256
from rag_pipelines.retrieval.subprocesses import end_with_parent, run_module, tell
from rag_pipelines.retrieval.writer import LEXICAL

_SAMPLE = 16
_EQUAL = 0.999
_TIMEOUT_SECONDS = 120.0


def require_sound(release: Path) -> None:
    """Raise `ReleaseError` unless another process could open and search this release."""
    problems: list[str] = []
    failure = run_module(
        "rag_pipelines.chat.probe",
        (str(release),),
        lambda message: problems.append(str(message["problem"])),
        _TIMEOUT_SECONDS,
    )
    if problems or failure:
        raise ReleaseError(f"it is damaged ({'; '.join(problems) or failure}); run rag ingest")


def probe(release: Path) -> None:
    """Raise where the release is not what its manifest says."""
    index = Index(release)
    manifest = index.manifest
    if rows_sha256(release) != manifest.rows_sha256:
        raise ReleaseError("its rows are not those that it was built with")
    if index.count() != manifest.rows:
        raise ReleaseError(f"{index.count()} vectors, and its manifest says {manifest.rows}")
    _find_sample(index)
    LexicalIndex.open(release / LEXICAL).scores("probe")
    index.close()


def _find_sample(index: Index) -> None:
    rows = len(index.rows)
    for row in np.linspace(0, rows - 1, min(rows, _SAMPLE)).astype(int):
        nearest = index.search(np.array(index.rows.vectors[row]), 1)
        if not nearest or nearest[0][1] < _EQUAL:
            raise ReleaseError(f"the vector of row {row} is not found")


def main(release: str) -> None:
    end_with_parent()
    try:
        probe(Path(release))
    except Exception as error:  # whatever a damaged file makes a library raise
        tell({"problem": str(error) or repr(error)})


if __name__ == "__main__":
    main(sys.argv[1])
