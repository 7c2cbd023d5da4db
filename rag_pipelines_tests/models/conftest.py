import shutil
from pathlib import Path

import pytest

from rag_pipelines.models.config import BaseSource, Models, Variant
from rag_pipelines.models.making import Factory as ModelFactory
from rag_pipelines.storage.artifacts import Artifacts
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


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> ModelFactory:
    """Over a tiny embedder and a tiny reader, with variants of both that nobody made yet."""
    from rag_pipelines_tests.inference import tiny_models  # torch takes seconds to import

    room = tmp_path_factory.mktemp("encoders")
    bases = {
        "encoder": BaseSource(folder=tiny_models.embedding_model(room / "encoder"), task="embed"),
        "reader": BaseSource(folder=tiny_models.trained_reader(room / "reader"), task="answer"),
    }
    variants = {
        "graph": Variant(of="encoder", method="onnx-fp32"),
        "small-graph": Variant(of="encoder", method="onnx-int8"),
        "nf4": Variant(of="encoder", method="nf4"),
        "reading-graph": Variant(of="reader", method="onnx-fp32"),
        "reading-nf4": Variant(of="reader", method="nf4"),
    }
    models = Models(bases=bases, variants=variants)
    return ModelFactory(models, Artifacts(room / "artifacts"), offline=True)
