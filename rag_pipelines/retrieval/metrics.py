"""How well a ranking meets judgements: recall, MRR and nDCG by ir-measures.

Knows rankings and judgements by id. Does not know how either came about.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Judgements = Mapping[str, Mapping[str, int]]
"""Grade of each judged document of each query; above 0 is relevant."""
Run = Mapping[str, Sequence[str]]
"""Documents found for each query, best first."""

MEASURES = {
    "ndcg@10": "nDCG@10",
    "mrr@10": "RR@10",
    "recall@1": "R@1",
    "recall@5": "R@5",
    "recall@10": "R@10",
    "recall@20": "R@20",
}
"""Names in reports, and those of ir-measures. Gains of nDCG are the grades themselves."""


def ndcg_by_query(judgements: Judgements, run: Run) -> dict[str, float]:
    """nDCG@10 of each query that is judged and was searched for."""
    import ir_measures

    library: Any = ir_measures
    measure = library.parse_measure(MEASURES["ndcg@10"])
    told = library.iter_calc([measure], *_plain(judgements, run))
    return {one.query_id: float(one.value) for one in told}


def measured(judgements: Judgements, run: Run) -> dict[str, float]:
    """Each measure's mean over the judged queries, 0 to 1; a query without a ranking counts 0."""
    import ir_measures

    library: Any = ir_measures
    measures = {name: library.parse_measure(theirs) for name, theirs in MEASURES.items()}
    means = library.calc_aggregate(list(measures.values()), *_plain(judgements, run))
    return {name: float(means[measure]) for name, measure in measures.items()}


def _plain(judgements: Judgements, run: Run) -> tuple[Any, Any]:
    """Both as the library takes them."""
    # Scores fall strictly from rank to rank: ties would be broken by document id.
    scored = {
        query: {document: float(-rank) for rank, document in enumerate(found)}
        for query, found in run.items()
    }
    return {query: dict(grades) for query, grades in judgements.items()}, scored
