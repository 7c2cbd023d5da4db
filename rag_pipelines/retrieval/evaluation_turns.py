"""Follow-ups measured: searched for with their conversation, against the last question alone.

Pairs the two by query. Knows rankings and judgements; how a follow-up is searched for stands in
`conversation`, whether anything relevant was found in `grounding`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rag_pipelines.records import Hit
from rag_pipelines.retrieval.conversation import joined
from rag_pipelines.retrieval.dataset import Dataset
from rag_pipelines.retrieval.grounding import relevant
from rag_pipelines.retrieval.metrics import ndcg_by_query

_SAMPLES = 10_000
_SEED = 0

Search = Callable[[str], Sequence[Hit]]


@dataclass(frozen=True, slots=True)
class TurnsReport:
    """nDCG@10 over the judged queries that follow others, and how often nothing was found.

    `low` and `high` bound the mean difference with 95 % confidence (paired bootstrap over
    queries). `abstained` is the share of all queries of a kind for which nothing relevant was
    found, by kind: `answerable` ought to be near 0, `unanswerable` near 1.
    """

    queries: int
    last_turn_only: float
    with_history: float
    difference: float
    low: float
    high: float
    abstained: dict[str, float]


def turns_report(data: Dataset, run: dict[str, list[str]], search: Search) -> TurnsReport | None:
    """Measure a set's follow-ups; None where it has none.

    `run` are the documents found with the conversation, `search` finds those of any text.
    """
    follow_ups = [key for key in data.queries if data.asked[key].earlier]
    if not follow_ups:
        return None
    alone = {
        key: list(dict.fromkeys(hit.chunk.url for hit in search(data.queries[key])))
        for key in follow_ups
    }
    before, after = (ndcg_by_query(data.judgements, found) for found in (alone, run))
    pairs = np.array([(before.get(key, 0.0), after.get(key, 0.0)) for key in follow_ups])
    gains = pairs[:, 1] - pairs[:, 0]
    drawn = np.random.default_rng(_SEED).integers(0, len(gains), (_SAMPLES, len(gains)))
    low, high = np.percentile(gains[drawn].mean(axis=1), [2.5, 97.5])
    return TurnsReport(
        queries=len(follow_ups),
        last_turn_only=float(pairs[:, 0].mean()),
        with_history=float(pairs[:, 1].mean()),
        difference=float(gains.mean()),
        low=float(low),
        high=float(high),
        abstained=_abstained(data, search),
    )


def _abstained(data: Dataset, search: Search) -> dict[str, float]:
    kinds: dict[str, list[bool]] = {}
    for asked in data.asked.values():
        if asked.answerability:
            text = joined(asked.text, asked.earlier)
            found = relevant(text, search(text))
            kinds.setdefault(asked.answerability.lower(), []).append(not found)
    return {kind: sum(said) / len(said) for kind, said in sorted(kinds.items())}
