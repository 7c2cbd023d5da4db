"""The index's side of `rag doctor`: does what is served open, and is it whole?

Also a program: `python -m rag_pipelines.cli.index_health RELEASE` opens a release in a process
of its own, where a damaged store may crash without taking the doctor along.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rag_pipelines.cli.check import Check, fail, ok, warn
from rag_pipelines.lib.project import Project
from rag_pipelines.retrieval.lexical import LexicalIndex
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.subprocesses import end_with_parent, run_module, tell
from rag_pipelines.retrieval.writer import LEXICAL

NAME: Final = "index"
_SECONDS: Final = 120.0
_REBUILD: Final = "build it again from its own rows: rag releases --rebuild {release}"


def index_health(project: Project) -> Check:
    """Whether the served release is there, opens, has its rows and fits the embedder."""
    releases = project.releases
    pointer = releases.current()
    if pointer is None:
        return warn(NAME, "no release is served yet", "rag ingest --all")
    release = releases.get(pointer.release)
    wrong = opened(release.path, release.manifest.rows)
    if wrong:
        return fail(NAME, f"{release.name}: {wrong}", _REBUILD.format(release=release.name))
    return _against_embedder(project, release)


def opened(path: Path, rows: int) -> str | None:
    """What goes wrong when a release is opened in a process of its own, or None."""
    counts: dict[str, int] = {}

    def note(message: Mapping[str, Any]) -> None:
        counts.update({name: int(count) for name, count in message.items()})

    wrong = run_module("rag_pipelines.cli.index_health", [str(path)], note, _SECONDS)
    if wrong:
        return f"does not open: {wrong}"
    if set(counts.values()) != {rows}:
        told = " and ".join(f"{count} {name}" for name, count in counts.items())
        return f"has {told or 'nothing'} for {rows} rows"
    return None


def _against_embedder(project: Project, release: Release) -> Check:
    release.manifest.require_embedder(project.embedder.fingerprint)
    manifest = release.manifest
    return ok(
        NAME, f"{release.name} opens: {manifest.rows} chunks of {len(manifest.sources)} sources"
    )


def main(path: Path) -> None:
    """Open both indexes of a release, read from each, and say how much is in it."""
    from rag_pipelines.retrieval.index import open_index

    index = open_index(path)
    index.warm()
    texts = LexicalIndex.open(path / LEXICAL)
    texts.scores("anything")
    tell({"vectors": index.count(), "texts": texts.rows})
    index.close()


if __name__ == "__main__":
    end_with_parent()
    main(Path(sys.argv[1]))
