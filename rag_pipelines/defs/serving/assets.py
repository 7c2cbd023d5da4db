"""The asset of serving: the pointer that the chat service follows."""

from typing import Any

import dagster as dg

from rag_pipelines.defs.index.assets import chroma_collection
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.service import wait_until_served


@dg.asset(
    deps=[chroma_collection],
    group_name="serving",
    owners=["team:serving"],
    kinds={"fastapi"},
    code_version="1",
    pool="index_writer",
)
def chat_release(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> dg.MaterializeResult[Any]:
    """What the chat service serves: the newest release that passed its checks, and the model."""
    before = project.releases.current()
    release = project.releases.newest_publishable()
    if release is None:
        raise dg.Failure("No release passed its checks, or the newest was rejected: rag releases")
    model, trial = project.model(), project.trial()
    after = project.releases.publish(release.name, model, f"run {context.run.run_id}", trial)
    removed = project.releases.collect()
    seconds = wait_until_served(project.settings, after.generation)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(f"{after.generation}"),
        metadata={
            "before": before.release if before else "none",
            "after": after.release,
            "generation": after.generation,
            "model": after.model.name,
            "model_digest": after.model.digest,
            "challenger": after.trial.model.name if after.trial else "none",
            "seconds_to_serve": seconds,
            "removed_releases": ", ".join(removed) or "none",
        },
    )
