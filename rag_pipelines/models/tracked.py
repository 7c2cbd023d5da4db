"""A comparison read back from MLflow alone: no artifact store, no `models.yaml`, no files.

Knows runs, tags and aliases. What they are written by is `models.tracking`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rag_pipelines.errors import UserError
from rag_pipelines.models import run_tags as tags
from rag_pipelines.models.comparison import Comparison
from rag_pipelines.models.config import Weights
from rag_pipelines.models.figures import SPREAD, Figure
from rag_pipelines.models.registry import Version, aliases
from rag_pipelines.models.scoring import CRITERIA, Row
from rag_pipelines.models.verdict import Verdict
from rag_pipelines.storage.mlflow_store import database_file, mlflow_client, speaking_to

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTHING = "Nothing was compared yet; run: rag models make"
_OURS = frozenset({tags.SCORE, *(f"{criterion}{tags.RATIO}" for criterion in CRITERIA)})
"""Metrics that are concluded, not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A comparison as MLflow has it: `run_ids` by variant, and what the aliases mean now."""

    run_id: str
    recorded_at: str
    comparison: Comparison
    run_ids: Mapping[str, str]
    context: Mapping[str, str]
    aliases: Mapping[str, Version]


def compared(uri: str, run_id: str | None = None) -> Recorded:
    """A finished comparison, by default the one that was recorded last.

    Raises `UserError` where there is none, and `TrackingError` where MLflow fails.
    """
    file = database_file(uri)
    if file is not None and not file.exists():
        raise UserError(NOTHING)  # opening it would make it
    with speaking_to(uri, "Reading the comparison"):
        client = mlflow_client(uri)
        experiment = client.get_experiment_by_name(tags.EXPERIMENT)
        if experiment is None:
            raise UserError(NOTHING)
        run = _comparison_run(client, experiment.experiment_id, run_id)
        query = f"tags.`{tags.PARENT_RUN}` = '{run.info.run_id}'"
        children = client.search_runs([experiment.experiment_id], query)
        return _recorded(run, children, aliases(client))


def aliased(uri: str) -> set[str]:
    """Digests of the registered variants that an alias names. Raises `TrackingError`."""
    file = database_file(uri)
    if file is not None and not file.exists():
        return set()  # opening it would make it
    with speaking_to(uri, "Reading the aliases"):
        return {version.digest for version in aliases(mlflow_client(uri)).values()}


def _comparison_run(client: "MlflowClient", experiment: str, run_id: str | None) -> Any:
    which = f"tags.{tags.KIND} = '{tags.OF_COMPARISON}' and attributes.status = 'FINISHED'"
    newest_first = [f"tags.{tags.RECORDED_AT} DESC"]
    if run_id is not None and not run_id.isalnum():
        raise UserError(f"{run_id!r} is no run's id; leave it out for the newest comparison.")
    chosen = f" and attributes.run_id = '{run_id}'" if run_id else ""
    found = client.search_runs([experiment], which + chosen, max_results=1, order_by=newest_first)
    if not found:
        unknown = f"MLflow has no finished comparison {run_id}; leave it out for the newest."
        raise UserError(unknown if run_id else NOTHING)
    return found[0]


def _recorded(run: Any, children: Iterable[Any], named: Mapping[str, Version]) -> Recorded:
    told, params = run.data.tags, run.data.params
    rows = sorted((_row(child) for child in children), key=lambda r: (r.rank or 10**9, r.variant))
    winner = None if told[tags.WINNER] == tags.NO_WINNER else told[tags.WINNER]
    score = next((row.score for row in rows if row.variant == winner), None)
    begun = len(tags.MISSING)
    comparison = Comparison(
        base=told[tags.BASE],
        weights=Weights(**{name: params.get(f"{tags.WEIGHT}{name}", "0") for name in CRITERIA}),
        rows=tuple(rows),
        missing={key[begun:]: why for key, why in told.items() if key.startswith(tags.MISSING)},
        verdict=Verdict(winner=winner, score=score, reason=told[tags.REASON]),
        note=told.get(tags.BASE_NOTE, ""),
    )
    return Recorded(
        run_id=run.info.run_id,
        recorded_at=told.get(tags.RECORDED_AT, ""),
        comparison=comparison,
        run_ids={child.data.tags[tags.VARIANT]: child.info.run_id for child in children},
        context={key: v for key, v in params.items() if not key.startswith(tags.WEIGHT)},
        aliases=named,
    )


def _row(child: Any) -> Row:
    told, params, metrics = child.data.tags, child.data.params, child.data.metrics
    measured = [n for n in metrics if n not in _OURS and not n.endswith(SPREAD)]
    return Row(
        variant=told[tags.VARIANT],
        digest=told[tags.DIGEST],
        parent=params.get(tags.PARENT, ""),
        method=params[tags.METHOD],
        figures={n: Figure(metrics[n], metrics.get(f"{n}{SPREAD}", 0.0)) for n in measured},
        ratios={c: metrics[f"{c}{tags.RATIO}"] for c in CRITERIA if f"{c}{tags.RATIO}" in metrics},
        score=metrics.get(tags.SCORE),
        rank=int(told[tags.RANK]) if tags.RANK in told else None,
        disqualified=told.get(tags.DISQUALIFIED, ""),
    )
