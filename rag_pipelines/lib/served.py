"""The release that is served, opened for the model factory. Knows no Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager

from rag_pipelines.errors import UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.retrieval.publish import Pointer
from rag_pipelines.retrieval.retriever import Retriever


@contextmanager
def served_retriever(project: Project, wanted: str) -> Iterator[tuple[Pointer, Retriever]]:
    """The pointer and its release, kept on disk meanwhile.

    Raises `UserError` where nothing is published yet; `wanted` says what the release is for.
    """
    pointer = project.releases.current()
    if pointer is None:
        raise UserError(f"{wanted}, and no release is published yet; run: rag ingest --all")
    with project.releases.lease(pointer.release, "model factory") as release:
        retriever = Retriever.open(release.path, project.embedder)
        try:
            yield pointer, retriever
        finally:
            retriever.close()
