"""How challengers compare with the champion, as a picture: differences with their intervals."""

import io
from collections.abc import Sequence

from rag_pipelines.models.promotion import Judgement

_INK, _QUIET = "#4f43dd", "#767b85"


def judgements_png(found: Sequence[Judgement], champion: str) -> bytes:
    """One line for each challenger; to the right of 0 it is better than the champion."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(8, 1.6 + 0.4 * len(found)), layout="constrained", dpi=110)
    FigureCanvasAgg(picture)
    axes = picture.subplots()
    for place, one in enumerate(reversed(found)):
        colour = _INK if one.passed else _QUIET
        axes.plot([one.low, one.high], [place, place], color=colour, linewidth=2)
        axes.plot([one.difference], [place], "o", color=colour)
    axes.axvline(0, color=_QUIET, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(found)), [one.variant for one in reversed(found)])
    axes.set_xlabel(f"nats a token of held-out answers, more than {champion} (95 % interval)")
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
