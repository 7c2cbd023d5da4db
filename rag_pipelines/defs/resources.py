"""Resources that the assets ask for by name."""

import dagster as dg

from rag_pipelines.lib.resources import installation, versioned_tables


@dg.definitions
def resources() -> dg.Definitions:
    """The installation, and its versioned tables as the IO manager."""
    return dg.Definitions(
        resources={"project": installation, "io_manager": versioned_tables},
    )
