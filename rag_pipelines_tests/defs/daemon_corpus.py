"""Good embeddings in an instance without a crawl, for sensors to look at."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import dagster as dg

from rag_pipelines.inference.protocols import Embedder
from rag_pipelines.lib.io_manager import VersionedTables, data_version
from rag_pipelines.lib.partitions import SOURCES
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import BLOCKING, VERSION
from rag_pipelines.records import EmbeddedChunks
from rag_pipelines.settings import Settings
from rag_pipelines_tests.retrieval.corpus import TopicEmbedder, chunk, embedded


class SmallProject(Project):
    """An installation whose embedder is the deterministic one of the retrieval tests."""

    @cached_property
    def embedder(self) -> Embedder:
        return TopicEmbedder()


class Edition(dg.Config):
    source: str
    edition: str
    good: bool


@dg.asset(partitions_def=SOURCES)
def embeddings(config: Edition) -> dg.MaterializeResult[EmbeddedChunks]:
    chunks = [chunk(number, config.source, config.edition) for number in range(12)]
    value = embedded(sorted(chunks, key=lambda one: one.id))
    return dg.MaterializeResult(
        value=value, metadata={VERSION: data_version(value), "good": config.good}
    )


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(name, asset="embeddings", blocking=True, partitions_def=SOURCES)
        for name in sorted(BLOCKING["embeddings"])
    ]
)
def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    good = context.run.tags["good"] == "True"
    for name in sorted(BLOCKING["embeddings"]):
        yield dg.AssetCheckResult(asset_key="embeddings", check_name=name, passed=good)


def refreshed(
    instance: dg.DagsterInstance,
    project: Project,
    source: str,
    edition: str = "first",
    good: bool = True,
) -> None:
    """A new version of a source's embeddings, as `refresh_source` would leave it."""
    config = {"source": source, "edition": edition, "good": good}
    dg.materialize(
        [embeddings, checks],
        instance=instance,
        partition_key=source,
        resources={"io_manager": VersionedTables(project.tables)},
        run_config={"ops": {"embeddings": {"config": config}}},
        tags={"good": str(good)},
        raise_on_error=False,
    )


def installed(folder: Path, *sources: str, generator: str = "extractive:") -> SmallProject:
    """An installation in `folder` whose sources.yaml names these."""
    file = folder / "sources.yaml"
    entry = '{website: {start_urls: ["http://127.0.0.1:9/"]}}'
    file.write_text("sources:\n" + "".join(f"  {name}: {entry}\n" for name in sources))
    found = Settings(home=folder / "home", sources=file, generator=generator)
    return SmallProject(found)
