"""A model given a role: in MLflow first, then in the file that the service's release reads."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from rag_pipelines.errors import TrackingError, UserError
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.promotion import made_digest, name_for, roll_back, serve_promoted
from rag_pipelines.models.promotions import Promotions
from rag_pipelines.models.registry import aliases
from rag_pipelines.models.run_tags import MODEL
from rag_pipelines.records import ModelRef
from rag_pipelines.settings import Settings
from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.models.factory import Factory


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    home = tmp_path_factory.mktemp("home")
    made = Factory(home, f"sqlite:///{home}/mlflow.db")
    made.record()
    return made


def project_of(factory: Factory, file: Path) -> Project:
    """An installation over the factory's store, with promotions of its own."""
    project = Project(Settings(home=factory.root, generator="registry:champion"))
    project.promotions = Promotions(file)
    return project


def digest(factory: Factory, variant: str) -> str:
    return next(one.digest for one in factory.artifacts if one.variant == variant)


def promoted(project: Project, factory: Factory, variant: str, role: str = "champion") -> None:
    name_for(project, role, variant, digest(factory, variant), "ann", "it is good")  # pyright: ignore[reportArgumentType]


def test_a_promotion_stands_in_mlflow_and_in_the_file(factory: Factory, tmp_path: Path):
    project = project_of(factory, tmp_path / "promotions.json")
    promoted(project, factory, "onnx-int8")
    promoted(project, factory, "nf4", "challenger")
    assert project.model() == ModelRef("onnx:onnx-int8", digest(factory, "onnx-int8"))
    client = mlflow_client(factory.uri)
    found = aliases(client)
    assert (found["champion"].variant, found["challenger"].variant) == ("onnx-int8", "nf4")
    told = client.get_model_version(MODEL, found["champion"].number).tags
    assert (told["champion_by"], told["champion_because"]) == ("ann", "it is good")
    promoted(project, factory, "onnx-int8")
    assert len(project.promotions.all()) == 2, "what has the role already is not told again"


def test_nobody_is_promoted_where_mlflow_cannot_be_written(factory: Factory, tmp_path: Path):
    project = project_of(factory, tmp_path / "promotions.json")
    full = {"mlflow_tracking_uri": SecretStr("sqlite:////dev/full")}
    project.settings = project.settings.model_copy(update=full)
    with pytest.raises(TrackingError):
        promoted(project, factory, "onnx-int8")
    assert project.promotions.all() == []


def test_what_was_never_compared_or_made_is_not_promoted(factory: Factory, tmp_path: Path):
    project = project_of(factory, tmp_path / "promotions.json")
    other = factory.store.make(
        {"method": "nf4", "of": "another"}, lambda room: (room / "x").touch()
    )
    with pytest.raises(UserError, match="was not compared as it is now"):
        name_for(project, "champion", "nf4", other.digest, "ann", "")
    with pytest.raises(UserError, match="No model 'lora' was made here"):
        made_digest(project, "lora")
    assert project.promotions.all() == []


def test_going_back_needs_somebody_to_go_back_to(factory: Factory, tmp_path: Path):
    project = project_of(factory, tmp_path / "promotions.json")
    promoted(project, factory, "base")
    with pytest.raises(UserError, match="no champion before"):
        roll_back(project, "ann", "")
    promoted(project, factory, "nf4")
    roll_back(project, "ann", "it was rude")
    champion = project.promotions.newest("champion")
    assert champion
    assert (champion.variant, champion.reason) == ("base", "it was rude")
    assert project.promotions.rejected() == {digest(factory, "nf4")}


def test_where_nothing_is_published_nothing_is_moved(factory: Factory, tmp_path: Path):
    project = project_of(factory, tmp_path / "promotions.json")
    with pytest.raises(UserError, match="No model is the champion yet"):
        project.model()
    promoted(project, factory, "nf4")
    assert serve_promoted(project) is None
    assert replace(project.model(), digest="") == ModelRef("transformers:nf4")
