"""What runs and registered versions of comparisons are found and read by in MLflow.

Knows names alone: `models.tracking` writes under them, `models.tracked` reads.
"""

from typing import Final

EXPERIMENT: Final = "models"
MODEL: Final = "rag"
"""The registered model; its versions are variants that were compared."""
CHALLENGER: Final = "challenger"
CHAMPION: Final = "champion"

KIND: Final = "kind"
OF_COMPARISON: Final = "comparison"
OF_VARIANT: Final = "variant"
OF_TRAINING: Final = "training"

TRAINING: Final = "training_digest"
"""Digest of a training's settings and data: one that was killed is found by it."""
DATASET: Final = "dataset"
FEEDBACK: Final = "feedback"
"""Ids of the rated answers that a model learned from."""
PROMOTED_BY: Final = "by"
PROMOTED_BECAUSE: Final = "because"
"""End the tags of a promotion, which begin with the role."""

COMPARISON: Final = "comparison_digest"
"""Digest of all that was compared and concluded: the same is recorded once."""
RECORDED_AT: Final = "recorded_at"
BASE: Final = "base"
BASE_NOTE: Final = "base_note"
"""What a reader must know of the base, such as that its weights were 4-bit once."""
VARIANT: Final = "variant"
DIGEST: Final = "digest"
RANK: Final = "rank"
SCORE: Final = "score"
DISQUALIFIED: Final = "disqualified"
WINNER: Final = "verdict"
REASON: Final = "verdict_reason"
NO_WINNER: Final = "none"
MISSING: Final = "missing."
"""Begins the tag of each variant that is missing."""

METHOD: Final = "method"
PARENT: Final = "parent"
WEIGHT: Final = "weight_"
"""Begins the parameter of each weight."""
RATIO: Final = "_ratio"
"""Ends the metric of each criterion's ratio to the base."""

PARENT_RUN: Final = "mlflow.parentRunId"
NOTE: Final = "mlflow.note.content"
"""Markdown that MLflow's page shows with a run."""
EXPERIMENT_KIND: Final = "mlflow.experimentKind"
"""Which of its faces MLflow's page shows: that for models, not the one for chat traces."""
SOURCE: Final = "mlflow.source.name"

LONGEST: Final = 5_000
"""Letters of a tag or parameter that every MLflow takes."""


def fitting(text: str) -> str:
    """The text, cut where MLflow would refuse it."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
