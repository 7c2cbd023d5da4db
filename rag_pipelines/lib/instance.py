"""Dagster's instance of this installation.

`rag ingest` and Dagster's UI share one instance, so lineage and history are one.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from rag_pipelines.settings import Settings

_CONFIG = "dagster.yaml"


def dagster_file(name: str) -> Path:
    """`dagster.yaml` or `workspace.yaml`: beside the package in a checkout, in it otherwise."""
    package = Path(__file__).resolve().parent.parent
    beside = package.parent / name
    return beside if beside.is_file() else package / name


def prepare_home(settings: Settings) -> Path:
    """Make DAGSTER_HOME with the project's `dagster.yaml`; one that a person wrote is left."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    if not (home / _CONFIG).exists():
        shutil.copyfile(dagster_file(_CONFIG), home / _CONFIG)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def instance_of(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance in DAGSTER_HOME."""
    prepare_home(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance
