"""One entry of `sources.yaml` in, its scrape out, whatever its kind."""

from collections.abc import Collection

from rag_pipelines.corpus.loader import scrape_loader
from rag_pipelines.corpus.scrape import Scrape
from rag_pipelines.corpus.website import scrape_website
from rag_pipelines.errors import ConfigError
from rag_pipelines.records import Progress, no_progress
from rag_pipelines.sources import Source
from rag_pipelines.storage.blobs import Blobs


def scrape_source(
    name: str,
    source: Source,
    previous: Scrape | None,
    blobs: Blobs,
    denied: Collection[str] = (),
    progress: Progress = no_progress,
) -> Scrape:
    """What the source says now, compared with the scrape before.

    A source of files has no pages and no URLs to visit: its files are read by `documents`.
    """
    if source.documents:
        return Scrape([], [])
    if source.website:
        return scrape_website(name, source.website, previous, blobs, denied, progress)
    if source.loader:
        return scrape_loader(name, source.loader, previous, blobs, denied, progress)
    raise ConfigError(f"source {name!r} has no website, no documents and no loader")
