import shutil
from pathlib import Path

import pytest

from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.models.factory import Factory


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables, whose making takes seconds of CPU."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow_client(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def home(empty_database: Path, tmp_path: Path) -> Path:
    """A folder of state, with a space in its name, as people have."""
    home = tmp_path / "my home"
    home.mkdir()
    shutil.copy(empty_database, home / "mlflow.db")
    return home


@pytest.fixture
def factory(home: Path) -> Factory:
    return Factory(home, f"sqlite:///{home}/mlflow.db")
