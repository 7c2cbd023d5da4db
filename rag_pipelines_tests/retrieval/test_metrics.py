import math

import pytest

from rag_pipelines.retrieval.metrics import measured

JUDGED = {"q1": {"a": 1, "b": 2}, "q2": {"c": 1}}


def test_a_perfect_ranking_measures_1():
    metrics = measured(JUDGED, {"q1": ["b", "a"], "q2": ["c"]})
    assert {metrics[name] for name in ("ndcg@10", "mrr@10", "recall@5", "recall@10")} == {1.0}


def test_figures_are_those_of_their_formulas():
    metrics = measured(JUDGED, {"q1": ["x", "a", "b"], "q2": ["x", "y", "z", "c"]})
    gain = (1 / math.log2(3) + 2 / math.log2(4)) / (2 / math.log2(2) + 1 / math.log2(3))
    assert metrics["ndcg@10"] == pytest.approx((gain + 1 / math.log2(5)) / 2)
    assert metrics["mrr@10"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert metrics["recall@1"] == 0


def test_a_judged_query_that_found_nothing_counts_0():
    assert measured(JUDGED, {"q1": ["b", "a"], "q2": []})["recall@10"] == 0.5


def test_ranks_decide_whatever_the_document_ids():
    run = {"q1": ["a", "z"], "q2": ["z", "c"]}
    assert measured({"q1": {"a": 1}, "q2": {"z": 1}}, run)["mrr@10"] == 1.0
