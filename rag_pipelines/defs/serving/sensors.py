"""Level-triggered sensors of the last mile: they compare what is with what ought to be.

Neither remembers an event, so none can be lost: each tick looks at the state anew, and asks
for a run while the state is not what it ought to be and no such run is under way.
"""

import dagster as dg

from rag_pipelines.defs.jobs import build_release, serve_release
from rag_pipelines.errors import UserError
from rag_pipelines.lib.corpus import corpus_digest
from rag_pipelines.lib.partitions import sync_sources
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.reconcile import ask_once
from rag_pipelines.retrieval.verdicts import golden_digest

_SECONDS = 30


@dg.sensor(
    job=build_release,
    minimum_interval_seconds=_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def index_reconcile(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a release where none has the content that the sources' good versions add up to."""
    sync_sources(context.instance, project.sources)
    digest = corpus_digest(context.instance, list(project.sources), project.index_spec())
    if not digest:
        return dg.SkipReason("No source has a good version yet.")
    golden = golden_digest(project.settings.golden)
    if not project.releases.needs_build(digest, golden):
        return dg.SkipReason(f"{digest[:12]} is built, or failed, or was rejected.")
    return ask_once(context.instance, build_release.name, f"{digest}:{golden[:12]}")


@dg.sensor(
    job=serve_release,
    minimum_interval_seconds=_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def chat_service(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a publication where a newer good release, or another model, is not yet served."""
    release, pointer = project.releases.newest_publishable(), project.releases.current()
    if release is None:
        return dg.SkipReason("No release passed its checks that was not rejected.")
    try:
        model, trial = project.model(), project.trial()
    except UserError as error:
        return dg.SkipReason(str(error))
    if pointer and pointer.serves(release.name, model, trial):
        return dg.SkipReason(f"{release.name} is served.")
    generation = pointer.generation if pointer else 0
    tried = f":{trial.model.name}:{trial.model.digest[:12]}:{trial.share}" if trial else ""
    wanted = f"{release.name}:{model.name}:{model.digest[:12]}{tried}:after-{generation}"
    return ask_once(context.instance, serve_release.name, wanted)
