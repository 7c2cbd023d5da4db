"""How a training went, as a picture: one panel for each group of figures, against the steps."""

import io
from collections.abc import Sequence

from rag_pipelines.models.tuning.training import Trained

_PANELS: Sequence[tuple[str, Sequence[str]]] = (
    ("loss, nats a token", ("loss", "eval_loss")),
    ("reward", ("reward", "eval_reward", "margin", "eval_margin")),
    ("accuracy on pairs", ("accuracy", "eval_accuracy")),
    ("divergence, nats an answer", ("kl",)),
    ("learning rate", ("learning_rate",)),
    ("entropy, nats a token", ("entropy",)),
    ("weight of the divergence", ("kl_weight",)),
    ("loss of the value head", ("value_loss",)),
)
_COLOURS = ("#4f43dd", "#d9822b", "#767b85", "#2e8b57")
_COLUMNS = 2


def curves_png(trained: Trained, title: str) -> bytes:
    """A PNG with the panels that have a figure; an empty one says that nothing was told."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [(label, drawn) for label, names in _PANELS if (drawn := _drawn(trained, names))]
    rows = max(1, -(-len(panels) // _COLUMNS))
    picture = Figure(figsize=(10, 2.8 * rows + 0.4), layout="constrained", dpi=110)
    FigureCanvasAgg(picture)
    picture.suptitle(title if panels else f"{title}: nothing was told of it", fontsize=11)
    grid = picture.subplots(rows, _COLUMNS, squeeze=False).flat
    for (label, drawn), axes in zip(panels, grid, strict=False):
        for colour, (name, points) in zip(_COLOURS, drawn.items(), strict=False):
            steps, values = zip(*points, strict=True)
            axes.plot(steps, values, marker=".", color=colour, label=name)
        axes.set(xlabel="step", ylabel=label)
        axes.legend(frameon=False)
    for axes in list(grid):
        axes.set_visible(False)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _drawn(trained: Trained, names: Sequence[str]) -> dict[str, list[tuple[float, float]]]:
    points = {
        name: [(point["step"], point[name]) for point in trained.curves if name in point]
        for name in names
    }
    return {name: found for name, found in points.items() if found}
