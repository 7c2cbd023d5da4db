"""Variants of one base side by side, and which of them wins under the weights of `models.yaml`.

Knows what was made, measured and asked for. Does not measure, store or draw anything; how a
score is made is in `models.scoring`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rag_pipelines.models.config import BASE, Models, Weights
from rag_pipelines.models.figures import SIZE, Figure, Figures
from rag_pipelines.models.scoring import Row, counting, ranked, scored
from rag_pipelines.models.verdict import Verdict, verdict_of
from rag_pipelines.records import Metric, ModelArtifact

NOT_MADE = "it was not made"
NOT_MEASURED = "it was not measured since it was made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Variants of `base`, best first and those that are not ranked after them.

    `weights` are those that counted: that of the answers is 0 where none could be compared.
    `missing` are the variants that `models.yaml` asks for and that have no row, with why. `note` is
    what a reader must know of the base; empty where that is nothing.
    """

    base: str
    weights: Weights
    rows: tuple[Row, ...]
    missing: Mapping[str, str]
    verdict: Verdict
    note: str = ""

    @property
    def disqualified(self) -> dict[str, str]:
        """The variants that have a row and no rank, with why."""
        return {row.variant: row.disqualified for row in self.rows if row.disqualified}


def compare(
    artifacts: Sequence[ModelArtifact],
    metrics: Sequence[Metric],
    models: Models,
    failed: Mapping[str, str] | None = None,
    base: str | None = None,
) -> Comparison:
    """Compare the variants that `models` wants of one base, by default the one named `base`.

    `failed` says why a variant could not be made or measured. A figure counts for the artifact
    that it was measured on alone; one that is not finite counts as not measured.
    """
    base = base or (BASE if BASE in models.bases else next(iter(models.bases)))
    wanted = [base, *(name for name in models.compared if models.base_of(name) == base)]
    made = {artifact.variant: artifact for artifact in artifacts if artifact.variant in wanted}
    measured = {name: _figures(artifact, metrics) for name, artifact in made.items()}
    missing = _missing(wanted, measured, failed or {})
    of_base = measured.get(base, {})
    weights, without_answers = counting(models.weights, of_base)
    rows = ranked(
        scored(_row(artifact, measured[name]), of_base, weights, _allowed(name, models))
        for name, artifact in made.items()
        if name not in missing
    )
    verdict = verdict_of(rows, weights, base, without_answers)
    return Comparison(
        base=base,
        weights=weights,
        rows=rows,
        missing=missing,
        verdict=verdict,
        note=made[base].note if base in made else "",
    )


def _figures(artifact: ModelArtifact, metrics: Iterable[Metric]) -> dict[str, Figure]:
    """What was measured of an artifact, and its size, which is known without measuring."""
    found = {
        metric.name: Figure(metric.value, metric.spread if math.isfinite(metric.spread) else 0.0)
        for metric in metrics
        if (metric.variant, metric.digest) == (artifact.variant, artifact.digest)
        and math.isfinite(metric.value)
    }
    return found and {SIZE: Figure(float(artifact.size)), **found}


def _missing(
    wanted: Iterable[str], measured: Mapping[str, Figures], failed: Mapping[str, str]
) -> dict[str, str]:
    """Why a variant has no row: what went wrong when it was made, or what it lacks."""
    return {
        name: failed.get(name) or (NOT_MEASURED if name in measured else NOT_MADE)
        for name in wanted
        if name in failed or not measured.get(name)
    }


def _row(artifact: ModelArtifact, figures: Figures) -> Row:
    return Row(
        variant=artifact.variant,
        digest=artifact.digest,
        parent=artifact.parent,
        method=artifact.method,
        figures=figures,
    )


def _allowed(name: str, models: Models) -> float | None:
    """The share of the base's perplexity that a variant may lose; None for the base itself."""
    wanted = models.compared.get(name)
    return wanted.perplexity_loss if wanted else None
