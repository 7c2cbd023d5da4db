"""The door: load the defs folder."""

import warnings
from pathlib import Path

import dagster as dg

# Without partitioned checks, a preview in 1.13, a check could not tell its source.
warnings.filterwarnings("ignore", "Specifying a partitions_def", dg.PreviewWarning)


@dg.definitions
def defs() -> dg.Definitions:
    """Everything that stands below `rag_pipelines/defs`."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
