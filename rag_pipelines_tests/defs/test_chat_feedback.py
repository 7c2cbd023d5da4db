"""The asset `chat_feedback` over real stores: kept by the chat service, brought into Dagster."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from rag_pipelines.chat.history.stores import open_history
from rag_pipelines.chat.rated import texts_of
from rag_pipelines.defs.models.feedback import chat_feedback
from rag_pipelines.defs.models.feedback_checks import answers_unique, nothing_personal_left
from rag_pipelines.defs.models.schedules import gather_feedback_daily
from rag_pipelines.lib.feedback import scrubbed_before
from rag_pipelines.lib.io_manager import VersionedTables, data_version, read
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.versions import last_good, to_read
from rag_pipelines.records import RatedAnswer
from rag_pipelines.settings import settings
from rag_pipelines.storage.tables import Tables
from rag_pipelines_tests.chat.history.mongo_server import free_port, mongo_server
from rag_pipelines_tests.chat.history.talk import answer_to, opinion, question

ASSET = "chat_feedback"
NIGHT = datetime(2026, 5, 1, 4, tzinfo=UTC)
PERSONAL = ("Lindqvist", "anna@example.org", "555-0187", "4111 1111", "10.20.30.40", "AbCdEf12345")


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.mongo)])
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    monkeypatch.setenv("RAG_HOME", str(tmp_path / "home"))
    with ExitStack() as stack:
        if request.param == "mongodb":
            port = free_port()
            stack.enter_context(mongo_server(tmp_path, port))
            monkeypatch.setenv("RAG_HISTORY_URL", f"mongodb://127.0.0.1:{port}/rag")
        yield Project(settings())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def keep(project: Project, *said: tuple[str, str, str]) -> None:
    """Ask, answer and rate in the store that the project names: session, question, rating."""

    async def kept() -> None:
        history = open_history(project.settings.history_url.get_secret_value())
        for session, text, rating in said:
            asked = await history.append(question(text, session, answer=f"answer-of-{session}"))
            await history.append(answer_to(asked))
            given = opinion(asked, rating, "Call (212) 555-0187 or write anna@example.org.")
            await history.rate(replace(given, correction="It is at 10.20.30.40."))
        await history.close()

    asyncio.run(kept())


def run(project: Project, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [chat_feedback, answers_unique, nothing_personal_left],
        instance=instance,
        resources={"project": project, "io_manager": VersionedTables(project.tables)},
    )


def rows_of(project: Project, instance: dg.DagsterInstance) -> list[RatedAnswer]:
    good = last_good(instance, ASSET, None)
    assert good is not None
    return read(project.tables, ASSET, None, good.version, list[RatedAnswer])


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(ASSET)
    return {name: value.value for name, value in event.metadata.items()}


def test_feedback_comes_in_once_and_without_personal_data(
    project: Project, instance: dg.DagsterInstance
):
    keep(
        project,
        (
            "s1",
            "I am Anna Lindqvist, card 4111 1111 1111 1111: what costs the P3 at $1,299.00?",
            "up",
        ),
        ("s2", "Does sk-proj-AbCdEf1234567890abcdEFGH open the gateway?", "down"),
        ("s3", "How long is the warranty?", "up"),
        ("s4", "How long is the warranty?", "down"),
    )
    result = run(project, instance)
    rows = rows_of(project, instance)
    assert [(row.question, row.rating) for row in rows] == [
        ("I am <PERSON>, card <CREDIT_CARD>: what costs the P3 at $1,299.00?", "up"),
        ("Does <SECRET> open the gateway?", "down"),
        ("How long is the warranty?", "down"),
    ]
    told = metadata(result)
    everywhere = repr([rows, told, [texts_of(row) for row in rows]])
    assert not [what for what in PERSONAL if what in everywhere]
    kept = Path(project.settings.assets.removeprefix("file://"))
    assert not [
        what
        for file in kept.rglob("*.parquet")
        for what in PERSONAL
        if what in file.read_text("latin1")
    ]
    counted = ("up", "down", "corrected", "opinions", "repeated", "scrubbed", "dagster/row_count")
    assert [told[name] for name in counted] == [1, 2, 3, 4, 1, 3, 3]
    assert "| PHONE_NUMBER | 3 |" in told["scrubbed_by_type"]
    assert "<PERSON>" in told["sample"]
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == {"answers_unique": True, "nothing_personal_left": True}


def test_the_same_feedback_is_the_same_version_and_another_is_another(
    project: Project, instance: dg.DagsterInstance
):
    keep(project, ("s1", "How long is the warranty?", "up"), ("s2", "And the battery's?", "up"))
    told = [metadata(run(project, instance)) for _ in range(2)]
    keep(project, ("s3", "Who pays the postage?", "down"))
    told.append(metadata(run(project, instance)))
    first, second, third = (each["version"] for each in told)
    assert first == second != third
    assert [each["reused"] for each in told] == [0, 2, 2]  # nothing is scrubbed twice
    assert len(scrubbed_before(instance, project.tables, told[0]["scrubber"])) == 3
    assert scrubbed_before(instance, project.tables, "another scrubber") == {}


def test_a_session_that_was_deleted_is_in_no_further_version(
    project: Project, instance: dg.DagsterInstance
):
    keep(project, ("s1", "How long is the warranty?", "up"), ("s2", "And the battery's?", "up"))
    run(project, instance)

    async def deleted() -> None:
        history = open_history(project.settings.history_url.get_secret_value())
        await history.delete("ann", "s1")
        await history.close()

    asyncio.run(deleted())
    run(project, instance)
    assert [row.question for row in rows_of(project, instance)] == ["And the battery's?"]


def test_without_feedback_there_are_no_rows_and_the_night_asks_for_none(
    project: Project, instance: dg.DagsterInstance
):
    assert metadata(run(project, instance))["dagster/row_count"] == 0
    context = dg.build_schedule_context(
        instance, scheduled_execution_time=NIGHT, resources={"project": project}
    )
    assert isinstance(gather_feedback_daily(context), dg.SkipReason)
    keep(project, ("s1", "How long is the warranty?", "up"))
    assert isinstance(gather_feedback_daily(context), dg.RunRequest)


def row(answer_id: str = "a", question: str = "Why?") -> RatedAnswer:
    return RatedAnswer(answer_id=answer_id, rating="up", question=question, answer="So.")


@pytest.mark.parametrize(
    ("rows", "failed"),
    [
        ([row(), row(question="Who?")], "answers_unique"),
        ([row(), row("b", "Ask John Smith from accounting.")], "nothing_personal_left"),
    ],
)
def test_what_a_check_stops_is_not_read_by_others(
    rows: list[RatedAnswer], failed: str, tmp_path: Path, instance: dg.DagsterInstance
):
    @dg.asset(name=ASSET)
    def spoiled() -> dg.MaterializeResult[list[RatedAnswer]]:
        return dg.MaterializeResult(value=rows, metadata={"version": data_version(rows)})

    result = dg.materialize(
        [spoiled, answers_unique, nothing_personal_left],
        instance=instance,
        resources={"io_manager": VersionedTables(Tables(str(tmp_path)))},
        raise_on_error=False,
    )
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert [name for name, passed in checks.items() if not passed] == [failed]
    assert to_read(instance, ASSET, None, "another run") is None
