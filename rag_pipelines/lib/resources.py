"""Resources: the configured parts of the installation, and its tables as an IO manager.

Both read the environment when a run starts, so that definitions load without it.
"""

import dagster as dg

from rag_pipelines.lib.io_manager import VersionedTables
from rag_pipelines.lib.project import Project
from rag_pipelines.settings import settings


@dg.resource(description="The configured parts of the installation.")
def installation() -> Project:
    """What the environment says."""
    return Project(settings())


@dg.io_manager(required_resource_keys={"project"}, description="Versioned parquet tables.")
def versioned_tables(context: dg.InitResourceContext) -> VersionedTables:
    """Tables of the same installation."""
    return VersionedTables(context.resources.project.tables)
