"""Which services an installation has, and how each is started."""

import sys
from pathlib import Path

from rag_pipelines.cli.processes import Service
from rag_pipelines.lib.instance import dagster_file
from rag_pipelines.settings import Settings

LOOPBACK = "127.0.0.1"


def services_of(settings: Settings) -> list[Service]:
    """Dagster's page and daemon, MLflow, and the chat service, all on this machine alone.

    All run in the folder that they are started in: what settings name is relative to it.
    """
    dagster = ["-w", str(dagster_file("workspace.yaml"))]
    page = [_program("dagster-webserver"), *dagster, "-h", LOOPBACK, "-p"]
    return [
        Service(
            "Dagster",
            [*page, str(settings.dagster_port)],
            LOOPBACK,
            settings.dagster_port,
            "RAG_DAGSTER_PORT",
        ),
        Service("Dagster daemon", [_program("dagster-daemon"), "run", *dagster]),
        Service(
            "MLflow",
            _mlflow(settings),
            LOOPBACK,
            settings.mlflow_port,
            "RAG_MLFLOW_PORT",
            {
                # Not on the command line, which every user of the machine may read.
                "MLFLOW_BACKEND_STORE_URI": settings.mlflow_tracking_uri.get_secret_value(),
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # six idle processes of 240 MB
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
        ),
        Service(
            "chat",
            [sys.executable, "-m", "rag_pipelines.cli", "serve"],
            settings.host,
            settings.port,
            "RAG_PORT",
        ),
    ]


def _mlflow(settings: Settings) -> list[str]:
    artifacts = ["--artifacts-destination", str(settings.home / "mlflow")]
    listen = ["--host", LOOPBACK, "--port", str(settings.mlflow_port), "--workers", "1"]
    return [_program("mlflow"), "server", *artifacts, *listen]


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)
