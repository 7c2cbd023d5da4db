"""Keeps the partitions of the model assets in step with `models.yaml`."""

import dagster as dg

from rag_pipelines.lib.partitions import sync_models
from rag_pipelines.lib.project import Project

_SECONDS = 60


@dg.sensor(minimum_interval_seconds=_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
def model_variants(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SkipReason:
    """Gives each variant its partition. Starts nothing: models are made by a person or a job."""
    sync_models(context.instance, project.models)
    return dg.SkipReason(f"{len(project.models.variants)} variants have their partitions.")
