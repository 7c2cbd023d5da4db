"""`rag up` and `rag serve`: the services of an installation, started and stopped together."""

import logging

import typer

from rag_pipelines.cli.output import console, remarks
from rag_pipelines.cli.processes import Service, require_free, run_together
from rag_pipelines.errors import UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings

log = logging.getLogger(__name__)


def up() -> None:
    """Start Dagster's page and daemon, the chat service and MLflow; Ctrl-C stops them all."""
    from rag_pipelines.cli.up import services_of  # dagster takes a second to import
    from rag_pipelines.lib.instance import instance_of
    from rag_pipelines.lib.partitions import sync_models, sync_sources

    project = Project(settings())
    services = services_of(project.settings)
    require_free(services)
    with instance_of(project.settings) as instance:
        sync_sources(instance, project.sources)
        sync_models(instance, project.models)
    _say(services)
    raise typer.Exit(run_together(services))


def serve() -> None:
    """Run the chat service alone; it follows the releases that are published."""
    from rag_pipelines.chat.logs import log_to
    from rag_pipelines.chat.server import serve as serve_chat

    found = settings()
    project = Project(found)
    log_to()
    serve_chat(
        found.model_copy(update={"generator": _meant(project)}),
        project.servers,
        lambda url: log.info("chat service at %s", url),
    )


def _meant(project: Project) -> str | None:
    """The generator that is set; where it is a champion that nobody is yet, none."""
    try:
        return project.model().name or None
    except UserError as error:
        log.warning("%s", error)
        return None


def _say(services: list[Service]) -> None:
    for service in services:
        console.print(f"  {service.name:<16} {service.url or 'no page'}", highlight=False)
    remarks.print("Ctrl-C stops them all.")
