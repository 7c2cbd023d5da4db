"""The sensors look at what is, and ask for what ought to be: each tick here is one evaluation."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from rag_pipelines.defs.serving.sensors import chat_service, index_reconcile
from rag_pipelines.lib.corpus import corpus_parts
from rag_pipelines.lib.partitions import sync_sources
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.reconcile import WANTED
from rag_pipelines.models.promotions import Promotion
from rag_pipelines.records import ModelRef
from rag_pipelines.retrieval.manifest import Release
from rag_pipelines.retrieval.shelf import HEAD
from rag_pipelines.retrieval.verdicts import golden_digest
from rag_pipelines_tests.defs.daemon_corpus import SmallProject, installed, refreshed
from rag_pipelines_tests.retrieval.corpus import judge


@dg.op
def work() -> None:
    """Does nothing."""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Releases of three editions of one source, as earlier builds leave them; none is the head."""
    project = installed(tmp_path_factory.mktemp("earlier"), "site", "wiki")
    with dg.instance_for_test() as instance:
        sync_sources(instance, project.sources)
        for edition in ("third", "second", "first"):
            refreshed(instance, project, "site", edition)
            parts, versions = corpus_parts(instance, project.tables, list(project.sources))
            project.releases.build(parts, versions, project.index_spec(), "earlier")
    (project.releases.root / HEAD).unlink()
    return project.releases.root


@pytest.fixture
def project(tmp_path: Path, instance: dg.DagsterInstance, shelf: Path) -> SmallProject:
    project = installed(tmp_path, "site", "wiki")
    shutil.copytree(shelf, project.releases.root)
    sync_sources(instance, project.sources)
    refreshed(instance, project, "site")
    return project


def asked(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, project: Project
) -> dg.RunRequest | None:
    """The run that one tick asks for, or None where it skips."""
    context = dg.build_sensor_context(instance=instance, resources={"project": project})
    said = sensor(context)
    if isinstance(said, dg.SkipReason):
        return None
    assert isinstance(said, dg.SensorResult)
    (request,) = said.run_requests or []
    return request


def started(instance: dg.DagsterInstance, sensor: dg.SensorDefinition, request: dg.RunRequest):
    """The run that the daemon makes of a request."""

    @dg.job(name=sensor.job_name)
    def job() -> None:
        work()

    status = dg.DagsterRunStatus.STARTED
    return instance.create_run_for_job(job, tags=request.tags, status=status)


def built(instance: dg.DagsterInstance, project: Project, passed: bool = True) -> Release:
    """What `build_release` does: the release of the good versions, and what the checks say."""
    parts, versions = corpus_parts(instance, project.tables, list(project.sources))
    release = project.releases.build(parts, versions, project.index_spec(), "run")
    golden = golden_digest(project.settings.golden)
    return judge(project.releases, release, golden, golden_recall=passed)


def served(instance: dg.DagsterInstance, project: Project) -> str:
    release = built(instance, project)
    project.releases.publish(release.name, project.model(), "test")
    return release.name


def test_nothing_is_asked_for_before_a_source_has_a_good_version(
    instance: dg.DagsterInstance, tmp_path: Path
):
    project = installed(tmp_path, "site")
    assert asked(index_reconcile, instance, project) is None
    assert asked(chat_service, instance, project) is None


def test_a_release_is_asked_for_once_and_not_while_its_run_is_under_way(
    instance: dg.DagsterInstance, project: SmallProject
):
    request = asked(index_reconcile, instance, project)
    assert request is not None
    again = asked(index_reconcile, instance, project)
    assert again is not None
    assert again.run_key == request.run_key, "a daemon that forgot its tick launches no second run"
    run = started(instance, index_reconcile, request)
    assert asked(index_reconcile, instance, project) is None
    built(instance, project)
    instance.report_run_canceled(run)
    assert asked(index_reconcile, instance, project) is None


def test_new_content_is_asked_for_under_another_key_while_the_old_is_built(
    instance: dg.DagsterInstance, project: SmallProject
):
    first = asked(index_reconcile, instance, project)
    assert first is not None
    started(instance, index_reconcile, first)
    refreshed(instance, project, "site", "second")
    second = asked(index_reconcile, instance, project)
    assert second is not None
    assert second.tags[WANTED] != first.tags[WANTED]


def test_a_version_that_failed_its_checks_changes_nothing(
    instance: dg.DagsterInstance, project: SmallProject
):
    served(instance, project)
    refreshed(instance, project, "site", "second", good=False)
    assert asked(index_reconcile, instance, project) is None
    assert asked(chat_service, instance, project) is None


def test_equal_content_from_another_run_changes_nothing(
    instance: dg.DagsterInstance, project: SmallProject
):
    served(instance, project)
    refreshed(instance, project, "site")
    assert asked(index_reconcile, instance, project) is None


def test_a_release_that_failed_is_not_built_again_until_the_golden_questions_change(
    instance: dg.DagsterInstance, project: SmallProject, tmp_path: Path
):
    built(instance, project, passed=False)
    assert asked(index_reconcile, instance, project) is None
    assert asked(chat_service, instance, project) is None
    (tmp_path / "golden.yaml").write_text("- {question: Who?, answerable: false}\n")
    assert asked(index_reconcile, instance, project) is not None


def test_after_a_rollback_both_stay_quiet_until_other_content_comes(
    instance: dg.DagsterInstance, project: SmallProject
):
    first = served(instance, project)
    refreshed(instance, project, "site", "second")
    served(instance, project)
    assert project.releases.rollback().release == first
    assert asked(index_reconcile, instance, project) is None
    assert asked(chat_service, instance, project) is None

    refreshed(instance, project, "site", "third")
    assert asked(index_reconcile, instance, project) is not None
    third = built(instance, project)
    request = asked(chat_service, instance, project)
    assert request is not None
    assert third.name in request.tags[WANTED]


def test_a_publication_is_asked_for_until_the_pointer_names_it(
    instance: dg.DagsterInstance, project: SmallProject
):
    release = built(instance, project)
    request = asked(chat_service, instance, project)
    assert request is not None
    assert asked(chat_service, instance, project) == request
    started(instance, chat_service, request)
    assert asked(chat_service, instance, project) is None
    project.releases.publish(release.name, project.model(), "test")
    assert asked(chat_service, instance, project) is None


def test_another_model_is_published_without_another_build(
    instance: dg.DagsterInstance, project: SmallProject, tmp_path: Path
):
    served(instance, project)
    other = installed(tmp_path, "site", "wiki", generator="ollama:llama3")
    assert asked(index_reconcile, instance, other) is None
    request = asked(chat_service, instance, other)
    assert request is not None
    assert "ollama:llama3" in request.tags[WANTED]


def test_partitions_follow_the_sources_and_a_source_that_is_gone_leaves_the_release(
    instance: dg.DagsterInstance, project: SmallProject, tmp_path: Path
):
    refreshed(instance, project, "wiki")
    served(instance, project)
    fewer = installed(tmp_path, "site", "notes")
    request = asked(index_reconcile, instance, fewer)
    assert request is not None
    assert set(instance.get_dynamic_partitions("sources")) == {"site", "notes"}
    assert set(built(instance, fewer).manifest.sources) == {"site"}


def test_a_forgotten_url_asks_for_a_release_without_it(
    instance: dg.DagsterInstance, project: SmallProject
):
    served(instance, project)
    project.deny("http://127.0.0.1/warranty/0.html")
    assert asked(index_reconcile, instance, project) is not None
    assert built(instance, project).manifest.rows == 11


def test_a_promotion_is_published_and_a_role_that_nobody_has_is_not(
    instance: dg.DagsterInstance, project: SmallProject
):
    good = built(instance, project)
    project.settings = project.settings.model_copy(update={"generator": "registry:champion"})
    assert asked(chat_service, instance, project) is None, "no model is the champion yet"
    first, second = ModelRef("onnx:lora", "a" * 64), ModelRef("onnx:lora", "b" * 64)
    for number, model in enumerate((first, second), 1):
        promote(project, model)
        request = asked(chat_service, instance, project)
        assert request is not None
        assert model.digest[:12] in str(request.tags)
        project.releases.publish(good.name, project.model(), f"promotion {number}")
        assert asked(chat_service, instance, project) is None
    challenged = {"challenger": "onnx:other", "challenger_share": 0.2}
    project.settings = project.settings.model_copy(update=challenged)
    assert asked(chat_service, instance, project) is not None
    project.releases.publish(good.name, project.model(), "trial", project.trial())
    assert asked(chat_service, instance, project) is None


def promote(project: Project, model: ModelRef) -> None:
    project.promotions.add(
        Promotion(role="champion", variant="lora", model=model, by="a person", reason="a test")
    )
