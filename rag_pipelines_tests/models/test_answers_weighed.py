"""Answers in the verdict: what they cost a variant, and what becomes of it where none count."""

import pytest

from rag_pipelines.models.comparison import Comparison, compare
from rag_pipelines.models.config import Models, Weights
from rag_pipelines.models.figures import ANSWERS
from rag_pipelines.models.tracked import compared
from rag_pipelines.storage.mlflow_store import mlflow_client
from rag_pipelines_tests.models.factory import (
    WANTED,
    Factory,
    artifacts,
    changed,
    comparison,
    metric,
    metrics,
)

ALL = Models(variants=WANTED)
WITHOUT = [one for one in metrics() if one.name != ANSWERS]


def score(found: Comparison, variant: str) -> float | None:
    return next(row.score for row in found.rows if row.variant == variant)


def test_the_fastest_does_not_win_where_its_answers_are_much_worse():
    worse = compare(artifacts(), changed("onnx-int8", ANSWERS, 0.02), ALL)
    without = ALL.model_copy(update={"weights": Weights(quality=0.5, answers=0)})
    assert comparison().verdict.winner == "onnx-int8"
    assert worse.verdict.winner == "onnx-fp32"
    assert compare(artifacts(), changed("onnx-int8", ANSWERS, 0.02), without).verdict.winner == (
        "onnx-int8"
    )


def test_the_reason_tells_what_answers_were_worth():
    reason = comparison().verdict.reason
    assert "answers 0.98" in reason
    assert "by quality 25 %, answers 25 %, speed 30 %, size 20 %" in reason


def test_a_variant_that_answers_nothing_right_scores_nothing_and_comes_last():
    found = compare(artifacts(), changed("onnx-int8", ANSWERS, 0.0), ALL)
    ranked = [row for row in found.rows if row.score is not None]
    assert (ranked[-1].variant, ranked[-1].score) == ("onnx-int8", 0.0)
    assert "onnx-int8" not in found.disqualified


def test_where_all_others_answer_nothing_right_the_base_wins():
    found = compare(
        artifacts()[:2],
        changed("nf4", ANSWERS, 0.0),
        Models(variants={"nf4": WANTED["nf4"]}),
    )
    assert found.verdict.winner == "base"
    assert "nf4, the next, answers nothing right." in found.verdict.reason


def test_answers_to_few_questions_leave_a_lead_open():
    sure, unsure = (
        [
            metric(one.variant, one.name, one.value, spread) if one.name == ANSWERS else one
            for one in metrics()
        ]
        for spread in (0.01, 0.6)
    )
    assert "within the spread" not in compare(artifacts(), sure, ALL).verdict.reason
    assert "within the spread" in compare(artifacts(), unsure, ALL).verdict.reason


@pytest.mark.parametrize(
    ("figures", "why"),
    [
        (WITHOUT, "Answers do not count: no golden question was asked."),
        (changed("base", ANSWERS, 0.0), "Answers do not count: the base has none right to go by."),
    ],
)
def test_answers_that_cannot_be_compared_leave_the_weighing_and_the_reason_says_so(figures, why):
    found = compare(artifacts(), figures, ALL)
    assert found.weights.answers == 0
    assert found.verdict.reason.endswith(why)
    assert "by quality 33 %, speed 40 %, size 27 %" in found.verdict.reason
    expected = (14.20 / 14.61) ** (1 / 3) * (57.3 / 13.1) ** 0.4 * (513 / 237) ** (4 / 15)
    assert score(found, "onnx-int8") == pytest.approx(expected)


def test_where_answers_alone_count_and_none_can_be_compared_nobody_is_ranked():
    alone = ALL.model_copy(update={"weights": Weights(quality=0, answers=1, speed=0, size=0)})
    found = compare(artifacts(), WITHOUT, alone)
    assert found.verdict.winner is None
    assert "has no measured answer_f1" in found.verdict.reason


def test_one_variant_that_was_not_asked_is_not_ranked():
    figures = [m for m in metrics() if (m.variant, m.name) != ("nf4", ANSWERS)]
    found = compare(artifacts(), figures, ALL)
    assert found.disqualified["nf4"] == "nf4 has no measured answer_f1"
    assert found.weights.answers == 0.25


@pytest.mark.parametrize("value", [0.0, 0.02])
def test_what_answers_did_is_rebuilt_from_mlflow(factory: Factory, value: float):
    factory.metrics = [
        metric(m.variant, m.name, value) if (m.variant, m.name) == ("nf4", ANSWERS) else m
        for m in factory.metrics
    ]
    found = factory.compared()
    factory.record(found)
    assert compared(factory.uri).comparison == found


def test_a_comparison_of_before_answers_counted_is_read_as_it_was(factory: Factory):
    before = ALL.model_copy(update={"weights": Weights(quality=0.5, answers=0)})
    run = factory.record(factory.compared(before))
    client = mlflow_client(factory.uri)
    told, where = client.get_run(run).data, client.get_run(run).info.experiment_id
    old = client.create_run(where, tags=told.tags)
    for name, value in told.params.items():
        if name != "weight_answers":
            client.log_param(old.info.run_id, name, value)
    client.set_tag(old.info.run_id, "recorded_at", "2026-01-01")
    client.set_terminated(old.info.run_id, "FINISHED")
    read = compared(factory.uri, old.info.run_id).comparison
    assert read.weights == before.weights
    assert read.verdict.reason == factory.compared(before).verdict.reason
