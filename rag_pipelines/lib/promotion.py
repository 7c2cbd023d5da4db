"""Challengers measured against the champion, and who is promoted: by the gate or by a person.

Knows no Dagster assets; the rules stand in `models.promotion`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.errors import ArtifactError, UserError
from rag_pipelines.inference.names import REGISTRY
from rag_pipelines.lib.model_worker import ModelWorker
from rag_pipelines.lib.project import Project
from rag_pipelines.lib.service import wait_until_served
from rag_pipelines.models.comparison import Comparison
from rag_pipelines.models.promotion import Candidate, Judgement, judged
from rag_pipelines.models.promotions import GATE, Promotion, Role
from rag_pipelines.models.quality import ANSWERS, token_f1
from rag_pipelines.models.registry import promote
from rag_pipelines.models.scoring import Row
from rag_pipelines.records import ModelArtifact, ModelRef
from rag_pipelines.storage.artifacts import Artifacts
from rag_pipelines.storage.mlflow_store import mlflow_client, speaking_to


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate found. `promoted` is the new champion, None where the old one stays."""

    champion: str
    judgements: list[Judgement]
    promoted: Judgement | None
    reason: str


def decide(
    project: Project,
    worker: ModelWorker,
    comparison: Comparison,
    models: Sequence[ModelArtifact],
    dataset: str,
) -> Decision:
    """Try every challenger of a comparison against the champion, and promote the best that passes.

    Without a champion the untouched base becomes it first, so that there always is one. Raises
    `ArtifactError` where the champion is not in the comparison: it was made anew, or is gone.
    """
    made = {model.variant: model for model in models}
    before = _champion(project, comparison, made)
    Artifacts(project.settings.artifacts).open(before.model.digest, verify=True)
    rows = {row.variant: row for row in comparison.rows}
    if before.variant not in rows or rows[before.variant].digest != before.model.digest:
        raise ArtifactError(
            f"the champion {before.variant} ({before.model.digest[:12]}) is not in the comparison: "
            f"it was made anew or is gone; run rag models make, or name another: "
            f"rag models promote NAME"
        )

    rejected = project.promotions.rejected()

    def turned_away(row: Row) -> str:
        went_back = row.digest in rejected and row.variant != before.variant
        return f"{row.variant}: somebody went back from it" if went_back else ""

    def candidate(row: Row) -> Candidate:
        model = made[row.variant]
        return Candidate(
            variant=row.variant,
            digest=row.digest,
            likelihoods=worker.likelihoods(model, dataset),
            answers=_answers(worker, model),
            figures=row.figures,
            disqualified=row.disqualified or turned_away(row),
        )

    champion = candidate(rows[before.variant])
    others = [row for row in comparison.rows if row.variant != before.variant]
    found = judged(champion, [candidate(row) for row in others], project.models.gate)
    winner = max((one for one in found if one.passed), key=lambda one: one.difference, default=None)
    if winner:
        name_for(project, "champion", winner.variant, winner.digest, GATE, winner.reason)
    _try_next(project, [one for one in found if one is not winner], made)
    reason = winner.reason if winner else f"{champion.variant} stays: no challenger is better"
    return Decision(champion.variant, found, winner, reason)


def name_for(
    project: Project,
    role: Role,
    variant: str,
    digest: str,
    by: str,
    reason: str,
    rejects: str = "",
) -> None:
    """Give a model a role, in MLflow and then here; what was said before is not said again.

    Raises `TrackingError` where MLflow is down and `UserError` where the model was never compared;
    then nobody is promoted.
    """
    model = ModelRef(_served_as(project, variant, digest), digest)
    now = project.promotions.newest(role)
    if now and (now.variant, now.model, now.reason) == (variant, model, reason):
        return
    uri = project.settings.mlflow_tracking_uri.get_secret_value()
    with speaking_to(uri, f"Promoting {variant}"):
        promote(mlflow_client(uri), role, digest, variant, by, reason)
    project.promotions.add(
        Promotion(role=role, variant=variant, model=model, by=by, reason=reason, rejects=rejects)
    )


def roll_back(project: Project, by: str, reason: str) -> None:
    """Make the champion before the one of now the champion again; the gate leaves the latter out.

    Raises `UserError` where there was none, and as `name_for` does.
    """
    now, before = project.promotions.champions()
    if now is None or before is None:
        raise UserError("There was no champion before this one; promote one: rag models promote")
    away = now.model.digest
    name_for(project, "champion", before.variant, before.model.digest, by, reason, away)


def serve_promoted(project: Project) -> str | None:
    """Publish the champion now where the settings serve it; how that went, or None."""
    pointer = project.releases.current()
    settings = project.settings
    named = (settings.generator or "", settings.challenger or "")
    if pointer is None or not any(one.startswith(f"{REGISTRY}:") for one in named):
        return None
    moved = project.releases.publish(pointer.release, project.model(), "promotion", project.trial())
    return str(wait_until_served(settings, moved.generation))


def made_digest(project: Project, variant: str) -> str:
    """The digest of a model that was made. Raises `UserError` where it was not."""
    digest = Artifacts(project.settings.artifacts).named(variant)
    if digest is None:
        raise UserError(f"No model {variant!r} was made here; run: rag models list")
    return digest


def _champion(
    project: Project, comparison: Comparison, made: dict[str, ModelArtifact]
) -> Promotion:
    found = project.promotions.newest("champion")
    if found is None:
        base = made[comparison.base]
        why = "it is the untouched base, and no model was promoted before"
        name_for(project, "champion", base.variant, base.digest, GATE, why)
        found = project.promotions.newest("champion")
        assert found is not None  # noqa: S101 - it was named just now
    return found


def _try_next(
    project: Project, others: Sequence[Judgement], made: dict[str, ModelArtifact]
) -> None:
    """Let the best of those that were not promoted be the challenger of a trial."""
    fit = (one for one in others if not one.disqualified)
    best = max(fit, key=lambda one: one.difference, default=None)
    if best and best.variant in made:
        name_for(project, "challenger", best.variant, best.digest, GATE, best.reason)


def _answers(worker: ModelWorker, model: ModelArtifact) -> list[float]:
    """F1 of each golden question, as it was measured for the comparison."""
    told = json.loads((worker.answers(model) / ANSWERS).read_text())
    return [max((token_f1(one["answer"], e) for e in one["expected"]), default=0.0) for one in told]


def _served_as(project: Project, variant: str, digest: str) -> str:
    """The generator's name of a model."""
    method = str(Artifacts(project.settings.artifacts).open(digest).recipe.get("method", ""))
    return f"{'onnx' if method.startswith('onnx') else 'transformers'}:{variant}"
