"""Two rankings become one: similarity of meaning and BM25 of words on a common scale.

Measured at nDCG@10 on documentation, Wikipedia and conversation passages (1,100, 260 and 2,000
chunks): reciprocal rank fusion .783 / .970 / .822, min-max of the two lists .808 / .981 / .845,
this one .828 / .981 / .843; weights from .4 to .55 and floors from 0 to 2 deviations differ by
less than .01, in an index of all three too. Knows numbers only, neither chunks nor indexes.
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]

LEXICAL_WEIGHT = 0.5
_SMALLEST = 1e-6


def fused(similarity: Scores, lexical: Scores, background: Scores) -> Scores:
    """Scores of candidates from their cosines and their BM25, 0 to 1, both for every candidate.

    A cosine counts from what unrelated text has, one deviation below the mean of `background`
    (the query's cosines with a sample of the index), to the best candidate's: so embedders whose
    cosines all lie close together weigh as much as others. BM25 counts from 0 to the best.
    """
    if not len(similarity):
        return similarity
    floor = float(background.mean() - background.std()) if len(background) else 0.0
    meaning = _scaled(similarity, min(floor, float(similarity.max())))
    words = _scaled(lexical, 0.0)
    weight = LEXICAL_WEIGHT
    return ((1 - weight) * meaning + weight * words).astype(np.float32)


def _scaled(scores: Scores, floor: float) -> Scores:
    span = float(scores.max()) - floor
    if span < _SMALLEST:
        return np.zeros_like(scores)
    return np.maximum((scores - floor) / span, 0).astype(np.float32)
