"""What the services of an installation are told, and where that can be read."""

from pathlib import Path

import pytest

from rag_pipelines.cli.up import services_of
from rag_pipelines.settings import settings

CANARY = "canary-of-mlflow"
URI = f"postgresql://ann:{CANARY}@db.example/mlflow"


@pytest.fixture(autouse=True)
def _configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)


def test_mlflow_learns_where_its_runs_are_and_no_command_line_shows_it():
    services = services_of(settings())
    (told,) = [
        service.environment["MLFLOW_BACKEND_STORE_URI"]
        for service in services
        if service.name == "MLflow"
    ]
    assert told == URI
    assert CANARY not in " ".join(word for service in services for word in service.command)


def test_neither_the_settings_nor_the_services_print_it():
    found = settings()
    assert CANARY not in f"{found!r} {found} {services_of(found)!r} {found.model_dump()}"
