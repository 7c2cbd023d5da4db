"""The one resource: the configured parts of the installation."""

import dagster as dg

from rag_pipelines.lib.io_manager import VersionedTables
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings


class Installation(dg.ConfigurableResource[Project]):
    """Reads the environment when a run starts, so that definitions load without it."""

    def create_resource(self, context: dg.InitResourceContext) -> Project:
        return Project(settings())


@dg.io_manager(required_resource_keys={"project"}, description="Versioned parquet tables.")
def versioned_tables(context: dg.InitResourceContext) -> VersionedTables:
    """Tables of the same installation."""
    return VersionedTables(context.resources.project.tables)
