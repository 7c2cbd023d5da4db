"""What a trainer is given besides its model and its data: where to resume from, whom to tell.

Knows files. Does not know torch, MLflow or Dagster.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from rag_pipelines.records import Progress, no_progress

TRAINING: Final = "training.json"
"""In every trained model's folder: its curves and what it took."""
Curve = Callable[[int, Mapping[str, float]], None]
"""Told as a training goes on: the step, and figures by name (`loss`, `eval_loss`, …)."""


def no_curve(step: int, figures: Mapping[str, float]) -> None:
    """A curve that nobody draws."""


@dataclass(frozen=True, slots=True)
class Training:
    """Where one training keeps what a killed one resumes from, and whom it tells how it goes.

    `checkpoints` is its own for a parent, a dataset and settings, and is there from the first
    attempt until the model is in the store.
    """

    checkpoints: Path
    progress: Progress = no_progress
    curve: Curve = no_curve


@dataclass(frozen=True, slots=True)
class Trained:
    """How a training went.

    `curves` are points, each with its `step`, in the order of the steps, those of an attempt that
    was killed among them. `figures` are what it came to: `eval_loss`, `perplexity`,
    `perplexity_before`, `steps`, `tokens_per_second`, `peak_memory_bytes` and what the method
    measures besides. `margins` are a reward model's: how much higher the chosen answer of each
    held-out pair scores, by split.
    """

    curves: list[dict[str, float]]
    figures: dict[str, float]
    margins: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def write(self, room: Path) -> None:
        """Leave it in the model's folder."""
        (room / TRAINING).write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, folder: Path) -> "Trained":
        """What `write` left; nothing where the folder's model was not trained here."""
        path = folder / TRAINING
        told: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return cls(told.get("curves", []), told.get("figures", {}), told.get("margins", {}))
