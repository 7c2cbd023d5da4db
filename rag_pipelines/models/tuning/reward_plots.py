"""A reward model's margins and its reliability, as a picture. Does not measure."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from rag_pipelines.models.tuning.reward_figures import (
    accuracy,
    calibration_error,
    reliability,
)
from rag_pipelines.models.tuning.training import Trained

_INK, _QUIET = "#4f43dd", "#767b85"
_COLOURS = {"validation": _QUIET, "test": _INK}


def reward_plots(trained: Trained) -> bytes:
    """Margins of held-out pairs on the left, accuracy against confidence on the right; a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11, 4.4), layout="constrained", dpi=110)
    FigureCanvasAgg(picture)
    margins = {split: found for split, found in trained.margins.items() if found}
    left, right = picture.subplots(1, 2)
    _draw_margins(left, margins)
    _draw_reliability(right, margins)
    for axes in (left, right):
        axes.grid(True, color="#e6e7ea", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, fontsize=9)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw_margins(axes: Any, margins: Mapping[str, Sequence[float]]) -> None:
    axes.axvline(0, color=_QUIET, linestyle="--", linewidth=1, label="no preference")
    for split, found in margins.items():
        label = f"{split}: {accuracy(found):.0%} of {len(found)} pairs right"
        axes.hist(found, bins=20, color=_COLOURS[split], alpha=0.6, label=label)
    axes.set_xlabel("score of the chosen answer less score of the rejected one")
    axes.set_ylabel("held-out pairs")
    axes.set_title("Margins", fontsize=10)


def _draw_reliability(axes: Any, margins: Mapping[str, Sequence[float]]) -> None:
    axes.plot([0.5, 1], [0.5, 1], color=_QUIET, linestyle="--", linewidth=1, label="calibrated")
    for split, found in margins.items():
        bins = reliability(found)
        label = f"{split}: error {calibration_error(found):.3f}"
        spots = [one.confidence for one in bins], [one.accuracy for one in bins]
        axes.plot(*spots, color=_COLOURS[split], marker="o", markersize=6, label=label)
    axes.set_xlim(0.48, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("confidence that the ranking is right")
    axes.set_ylabel("share of rankings that are right")
    axes.set_title("Reliability", fontsize=10)
