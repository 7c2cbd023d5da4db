"""How far embedders and readers agree with what they were made of."""

import numpy as np
import pytest

from rag_pipelines.errors import UserError
from rag_pipelines.models.agreement import spans_agreement, vectors_agreement
from rag_pipelines.models.config import Measure
from rag_pipelines.models.evaluation import Asked, EvaluationSet
from rag_pipelines.models.making import Factory
from rag_pipelines.models.measuring import Measuring
from rag_pipelines_tests.inference import tiny_models

MEASURE = Measure(text_tokens=1024, window=64)
TEXTS = [
    " ".join(fact.format(number=n, edition=30 - n) for fact in tiny_models.FACTS)
    for n in range(1, 25)
]
KINDS = [(tiny_models.WARRANTY, "years"), (tiny_models.FERRY, "days")]
QUESTIONS = [
    Asked(question, "", "", [TEXTS[n]], [f"{n + 1} {unit}"])
    for n, (question, unit) in enumerate(KINDS * 4)
]


def unit(*rows: list[float]) -> np.ndarray:
    vectors = np.array(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def measured(encoders: Factory, name: str, questions: list[Asked] = QUESTIONS) -> dict[str, float]:
    evaluation = EvaluationSet("v1", questions, TEXTS).kept(encoders.artifacts)
    measuring = Measuring(encoders.artifacts, evaluation.digest, MEASURE)
    return {metric.name: metric.value for metric in measuring.quality(encoders.make(name))}


def test_vectors_that_are_the_same_agree_and_others_by_their_cosine():
    vectors = unit([1, 0], [0, 1], [1, 1])
    same = vectors_agreement(vectors, vectors)
    assert same["agreement_cosine"][0] == pytest.approx(1)
    assert same["agreement_neighbours"][0] == 1
    turned = vectors_agreement(unit([0, 1], [1, 0], [1, 1]), vectors)
    assert turned["agreement_cosine"][0] == pytest.approx(1 / 3)


def test_neighbours_are_those_of_a_search_by_brute_force():
    chance = np.random.default_rng(0)
    parents = unit(*chance.normal(size=(40, 8)))
    ours = unit(*(parents + 0.3 * chance.normal(size=parents.shape)))

    def ten(vectors: np.ndarray, row: int) -> set[int]:
        others = [other for other in range(len(vectors)) if other != row]
        return set(sorted(others, key=lambda other: -float(vectors[row] @ vectors[other]))[:10])

    expected = np.mean([len(ten(ours, row) & ten(parents, row)) / 10 for row in range(40)])
    value, _ = vectors_agreement(ours, parents)["agreement_neighbours"]
    assert value == pytest.approx(expected)
    assert 0.3 < value < 1


def test_one_pair_of_texts_has_no_neighbours_to_tell_of():
    assert set(vectors_agreement(unit([1, 0], [0, 1]), unit([1, 0], [0, 1]))) == {
        "agreement_cosine"
    }


def test_spans_agree_where_both_find_the_same_place_or_nothing():
    ours = [[[0, 3], None], [[4, 9], [1, 2]]]
    theirs = [[[0, 3], None], [[4, 8], None]]
    assert spans_agreement(ours, theirs)["agreement_spans"][0] == 0.5


def test_a_graph_that_embeds_agrees_with_its_model_and_4_bits_less(encoders: Factory):
    graph, nf4 = measured(encoders, "graph"), measured(encoders, "nf4")
    assert graph["agreement_cosine"] > 0.99999
    assert graph["agreement_neighbours"] > 0.9
    assert 0.8 < nf4["agreement_cosine"] < 0.9999
    assert measured(encoders, "encoder") == {}


def test_a_graph_that_reads_finds_the_spans_of_its_model(encoders: Factory):
    base, graph = measured(encoders, "reader"), measured(encoders, "reading-graph")
    assert base["answer_f1"] > 0.3
    assert graph == base | {"agreement_spans": 1.0}


def test_a_reader_in_4_bits_is_held_to_the_same_answers(encoders: Factory):
    found = measured(encoders, "reading-nf4")
    assert 0 <= found["agreement_spans"] <= 1
    assert set(found) == {"answer_exact_match", "answer_f1", "agreement_spans"}


def test_a_reader_without_golden_questions_says_what_it_needs(encoders: Factory):
    with pytest.raises(UserError, match=r"write some in golden\.yaml"):
        measured(encoders, "reader", [])
