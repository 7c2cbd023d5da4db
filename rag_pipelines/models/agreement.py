"""How far a model that reads agrees with its parent: an embedder's vectors, a reader's spans.

Nothing here is timed, and causal models are in `quality`. Every variant reads the same texts.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_pipelines.errors import UserError
from rag_pipelines.inference.auto.question_answering import QuestionAnswering, Span, best
from rag_pipelines.models.config import Measure
from rag_pipelines.models.encoders import Encoder
from rag_pipelines.models.evaluation import Asked, EvaluationSet
from rag_pipelines.models.figures import COSINE, SAME_SPANS
from rag_pipelines.models.quality import Values, answer_quality, averaged, windows
from rag_pipelines.records import Progress

VECTORS = "vectors.npy"
SPANS = "spans.json"
_NEAREST = 10

Vectors = NDArray[np.float32]
Places = list[list[list[int] | None]]
"""For each question and each of its passages where the span begins and ends, None without one."""


def measure_embedding(
    model: Encoder,
    asked: EvaluationSet,
    measure: Measure,
    room: Path,
    parent: Path | None,
    progress: Progress,
) -> Values:
    """Agreement with the parent over windows of the held-out texts; of a parent itself nothing.

    The vectors stay in `room`. Raises `UserError` where the texts have not one whole window.
    """
    most = min(measure.window, model.longest)
    read = windows(model.ids, asked.texts, measure.model_copy(update={"window": most}))
    found: list[Vectors] = []
    for done, window in enumerate(read, 1):
        found.append(model.vector(window))
        progress("vectors", done, len(read))
    vectors = np.stack(found)
    np.save(room / VECTORS, vectors)
    return vectors_agreement(vectors, np.load(parent / VECTORS)) if parent else {}


def vectors_agreement(vectors: Vectors, parents: Vectors) -> Values:
    """Mean cosine to the parent's unit vectors of the same texts, (texts, dimension) each.

    And the mean share of a text's ten nearest by the parent that are also its ten nearest here; of
    fewer than twenty others, of the nearer half of them. A single pair of texts has no such share.
    """
    cosines = [float(cosine) for cosine in (vectors * parents).sum(axis=1)]
    agreement = {COSINE: averaged(cosines)}
    nearest = min(_NEAREST, (len(vectors) - 1) // 2)
    if nearest:
        pairs = zip(_nearest(vectors, nearest), _nearest(parents, nearest), strict=True)
        shares = [len(ours & theirs) / nearest for ours, theirs in pairs]
        agreement["agreement_neighbours"] = averaged(shares)
    return agreement


def measure_reading(
    model: QuestionAnswering,
    asked: EvaluationSet,
    room: Path,
    parent: Path | None,
    progress: Progress,
) -> Values:
    """Answers to the golden questions out of their passages, and how many spans are the parent's.

    The spans stay in `room`. Raises `UserError` where there are no golden questions.
    """
    if not asked.questions:
        raise UserError(
            "A model that answers with a span is measured on golden questions with quotes, and "
            "there are none; write some in golden.yaml, and measure.questions above 0 in "
            "models.yaml"
        )
    found: list[list[Span | None]] = []
    for done, question in enumerate(asked.questions, 1):
        found.append(model.run([(question.question, text) for text in question.passages]))
        progress("spans", done, len(asked.questions))
    places: Places = [[[s.start, s.end] if s else None for s in spans] for spans in found]
    (room / SPANS).write_text(json.dumps(places))
    values = _answers_quality(asked.questions, found)
    if parent:
        values |= spans_agreement(places, json.loads((parent / SPANS).read_text()))
    return values


def spans_agreement(places: Places, parents: Places) -> Values:
    """Share of the passages of all questions in which both find the same span, or both none."""
    pairs = zip(_all(places), _all(parents), strict=True)
    return {SAME_SPANS: averaged([float(ours == theirs) for ours, theirs in pairs])}


def _answers_quality(asked: Sequence[Asked], found: Sequence[Sequence[Span | None]]) -> Values:
    """Without the share of supported sentences: a span stands in its passage word for word."""
    spans = [best(span for span in of_question if span) for of_question in found]
    quality = answer_quality(asked, [span.text if span else "" for span in spans])
    return {name: value for name, value in quality.items() if name != "answer_grounded"}


def _nearest(vectors: Vectors, count: int) -> list[set[int]]:
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    return [set(row[:count].tolist()) for row in np.argsort(-likeness, axis=1, kind="stable")]


def _all(places: Places) -> list[list[int] | None]:
    return [place for of_question in places for place in of_question]
