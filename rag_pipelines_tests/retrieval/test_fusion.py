import numpy as np

from rag_pipelines.retrieval.fusion import fused

RNG = np.random.default_rng(7)
SIMILARITY = RNG.uniform(0.1, 0.8, 50).astype(np.float32)
LEXICAL = RNG.uniform(0, 30, 50).astype(np.float32)
BACKGROUND = RNG.normal(0.1, 0.1, 500).astype(np.float32)


def order(scores: np.ndarray) -> list[int]:
    return np.argsort(-scores, kind="stable").tolist()


def test_scores_lie_between_0_and_1():
    scores = fused(SIMILARITY, LEXICAL, BACKGROUND)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_an_embedder_whose_cosines_lie_close_together_ranks_the_same():
    narrow = fused(0.7 + 0.3 * SIMILARITY, LEXICAL, 0.7 + 0.3 * BACKGROUND)
    assert order(narrow) == order(fused(SIMILARITY, LEXICAL, BACKGROUND))


def test_without_matching_words_meaning_decides():
    assert order(fused(SIMILARITY, np.zeros_like(LEXICAL), BACKGROUND)) == order(SIMILARITY)


def test_where_meaning_is_equal_words_decide():
    assert order(fused(np.full_like(SIMILARITY, 0.4), LEXICAL, BACKGROUND)) == order(LEXICAL)


def test_being_good_in_both_beats_being_best_in_one():
    similarity = np.array([0.8, 0.75, 0.1], np.float32)
    lexical = np.array([0.0, 9.0, 10.0], np.float32)
    assert order(fused(similarity, lexical, BACKGROUND))[0] == 1


def test_nothing_fuses_to_nothing():
    nothing = np.empty(0, np.float32)
    assert fused(nothing, nothing, BACKGROUND).size == 0
